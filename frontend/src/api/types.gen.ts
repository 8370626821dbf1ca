// Made by tools/generate from the server's structs: edit those, not this.

export type ProblemCode =
  | "unauthenticated"
  | "forbidden"
  | "origin_refused"
  | "host_refused"
  | "not_found"
  | "session_not_found"
  | "method_not_allowed"
  | "session_exists"
  | "confirm_mismatch"
  | "invalid"
  | "too_large"
  | "attach_cap"
  | "rate_limited"
  | "input_gap"
  | "read_only"
  | "sudo_refused"
  | "tmux_missing"
  | "host_unreachable"
  | "host_key"
  | "auth_failed"
  | "host_error"
  | "timeout"
  | "draining"
  | "registry_unavailable"
  | "audit_unavailable"
  | "internal";

export type HostState =
  | "ok"
  | "pending"
  | "unreachable"
  | "auth_failed"
  | "host_key_unknown"
  | "host_key_changed"
  | "timeout"
  | "error";

export type UserState = "ok" | "no_server" | "sudo_refused" | "tmux_missing" | "socket_unreadable" | "error";

export type ExitReason =
  | "exited"
  | "killed"
  | "detached"
  | "lifetime"
  | "idle"
  | "expired"
  | "revoked"
  | "replaced"
  | "draining"
  | "overflow"
  | "failed";

export type Role = "viewer" | "operator" | "admin";

export type TerminalMode = "control" | "view";

export interface SessionView {
  id: string;
  name: string;
  windows: number;
  created: number;
  activity: number;
  attached: number;
  command: string;
  directory: string;
  title: string;
}

export interface UserView {
  name: string;
  state: UserState;
  problem: string | null;
  remedy: string | null;
  stale: boolean;
  may_create: boolean;
  may_control: boolean;
  sessions: SessionView[];
}

export interface HostView {
  key: string;
  label: string;
  hostname: string;
  local: boolean;
  state: HostState;
  problem: string | null;
  remedy: string | null;
  checked_at: number;
  seen_at: number;
  stale: boolean;
  sweep_ms: number;
  users: UserView[];
}

export interface Inventory {
  generation: number;
  hosts: HostView[];
}

export interface Checked {
  hosts: Record<string, number>;
}

export interface PrincipalView {
  name: string;
  groups: string[];
  gate: string;
}

export interface Attaches {
  used: number;
  limit: number;
}

export interface LinkView {
  host: string;
  user: string;
  session: string;
  mode: TerminalMode;
  expires_at: number;
}

export interface Me {
  principal: PrincipalView;
  role_by_target: Record<string, string>;
  expires_at: number | null;
  attaches: Attaches;
  may_oversee: boolean;
  may_mint: boolean;
  links: LinkView[];
}

export interface SessionCreated {
  id: string;
  name: string;
}

export interface TerminalCreated {
  id: string;
  mode: TerminalMode;
  cols: number;
  rows: number;
  transports: string[];
}

export interface TerminalView {
  id: string;
  host: string;
  user: string;
  session: string;
  mode: TerminalMode;
  cols: number;
  rows: number;
  started: number;
  connected: boolean;
  bytes_in: number;
  bytes_out: number;
  principal: string;
  client: string;
  here: boolean;
}

export interface LinkCreated {
  url: string;
  token: string;
  expires_at: number;
}

export interface LinkRedeemed {
  host: string;
  user: string;
  session: string;
  mode: TerminalMode;
  expires_at: number;
  session_token: string;
}

export interface FieldError {
  path: string;
  reason: string;
}

export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: ProblemCode;
  request_id: string;
  errors?: FieldError[];
}

export interface HelloMessage {
  type: "hello";
  id: string;
  mode: TerminalMode;
  offset: number;
  input_offset: number;
  window: number;
  replay: number;
  cols: number;
  rows: number;
}

export interface ResetMessage {
  type: "reset";
  offset: number;
}

export interface NoticeMessage {
  type: "notice";
  level: "info" | "warning" | "error";
  code: string;
  message: string;
}

export interface ExitMessage {
  type: "exit";
  reason: ExitReason;
  code: number | null;
  message: string;
}

export interface AckMessage {
  type: "ack";
  offset: number;
}

export interface ResizeMessage {
  type: "resize";
  cols: number;
  rows: number;
}

export type ServerMessage = HelloMessage | ResetMessage | NoticeMessage | ExitMessage;

export type ClientMessage = AckMessage | ResizeMessage;
