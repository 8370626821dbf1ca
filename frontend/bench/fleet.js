/*
 * Stands for the service's event stream, inside a page: a made-up fleet, and what an update of it costs. Tests and
 * the bench give it to the browser before the page's own scripts; everything else is the page as it is.
 */
(() => {
  const TROUBLES = {
    unreachable: "ssh: connect to host {host} port 22: Connection timed out.",
    auth_failed: "{host} refused the key of ops (publickey).",
    host_key_unknown:
      "{host} shows a key that known_hosts does not have: SHA256:3xJ5cF0mZbq7wYtTt0n1u4V2p8r6k9sLhQeXyZaBcDe (ED25519).",
    host_key_changed:
      "{host} shows another key than known_hosts has: SHA256:0000cF0mZbq7wYtTt0n1u4V2p8r6k9sLhQeXyZaBcDe (ED25519).",
    timeout: "{host} did not answer within 8 s.",
    error: "tmux printed what cannot be read: <b>\u202egnp.exe</b>",
  };
  const RECIPE =
    "ssh-keyscan -t ed25519 {host} > new_key\nssh-keygen -lf new_key    # compare with what the machine says of itself\n" +
    "cat new_key >> ~/.ssh/known_hosts";
  const COMMANDS = ["vim", "python", "bash", "node", "cargo", "psql", "htop", "make"];
  const NAMES = ["api", "worker", "train", "build", "logs", "deploy", "notes", "shell", "bench", "queue"];

  const pad = (number, digits) => String(number).padStart(digits, "0");

  function session(host, index, at) {
    const name = `${NAMES[index % NAMES.length]}${index < NAMES.length ? "" : `-${Math.floor(index / NAMES.length)}`}`;
    return {
      id: `$${index}`,
      name,
      windows: 1 + (index % 4),
      created: at - 3600 * (1 + ((host * 7 + index) % 400)),
      activity: at - ((host * 13 + index * 31) % 9000),
      attached: (host + index) % 11 === 0 ? 1 : 0,
      command: COMMANDS[(host + index) % COMMANDS.length],
      directory: `/home/deploy/src/${name}`,
      title: "",
    };
  }

  /** One host; `state` as in the API, `sessions` of its only user. */
  function host(index, sessions, state = "ok", at = Date.now() / 1000) {
    const key = `${["web", "db", "gpu", "edge"][index % 4]}${pad(index, 3)}`;
    const ok = state === "ok";
    const pending = state === "pending";
    const text = (template) => template?.replaceAll("{host}", `${key}.internal`) ?? null;
    const users = pending
      ? []
      : [
          {
            name: "deploy",
            state: ok ? (sessions ? "ok" : "no_server") : "error",
            problem: null,
            remedy: null,
            stale: !ok && sessions > 0,
            may_create: true,
            may_control: true,
            sessions: Array.from({ length: sessions }, (_, each) => session(index, each, at)),
          },
        ];
    return {
      key,
      label: index % 3 ? "" : `rack ${index % 40}, row ${index % 9}`,
      hostname: `${key}.internal`,
      local: false,
      state,
      problem: text(TROUBLES[state]),
      remedy: state.startsWith("host_key") || state === "auth_failed" ? text(RECIPE) : null,
      checked_at: pending ? 0 : at - (index % 3),
      seen_at: ok ? at : pending || index % 2 ? 0 : at - 7200,
      stale: !ok && !pending && sessions > 0,
      sweep_ms: 40,
      users,
    };
  }

  /** So many hosts with so many sessions each; `mixed`: every state among them, and hosts without sessions. */
  function make(hosts, sessions, mixed = false) {
    const troubled = Object.keys(TROUBLES);
    const all = Array.from({ length: hosts }, (_, index) => {
      if (!mixed) return host(index, sessions);
      if (index % 9 === 4) return host(index, index % 2 ? sessions : 0, troubled[Math.floor(index / 9) % troubled.length]);
      if (index % 25 === 7) return host(index, 0, "pending");
      return host(index, index % 3 === 1 ? 0 : sessions);
    });
    if (mixed && all[2]?.users[0]) {
      Object.assign(all[2].users[0], {
        state: "sudo_refused",
        problem: "ops may not run tmux as deploy.",
        remedy: "ops ALL=(deploy) NOPASSWD: /usr/bin/tmux",
        sessions: [],
      });
    }
    return { generation: 1, hosts: all };
  }

  let source = null;
  let inventory = null;

  const ask = window.fetch.bind(window);
  window.fetch = async (what, options) => {
    if (!new URL(what, location).pathname.endsWith("/api/v1/events")) return ask(what, options);
    const body = new ReadableStream({
      start(controller) {
        source = controller;
        options?.signal?.addEventListener("abort", () => {
          if (source === controller) source = null;
          controller.error(options.signal.reason);
        });
        if (inventory) send("inventory", inventory);
      },
    });
    return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
  };
  const encoder = new TextEncoder();

  /** What is enqueued is read before the frame is painted. */
  function send(type, data) {
    const text = typeof data === "string" ? data : JSON.stringify(data);
    source?.enqueue(encoder.encode(`event: ${type}\ndata: ${text}\n\n`));
  }

  /** Makes a fleet the page's inventory, now and whenever it connects. */
  function show(next) {
    inventory = next;
    send("inventory", next);
  }

  /** Copies of the hosts there are, to be changed and sent. */
  function hosts() {
    return structuredClone(inventory.hosts);
  }

  function change(news) {
    const byKey = new Map(news.map((each) => [each.key, each]));
    const all = inventory.hosts.map((each) => byKey.get(each.key) ?? each);
    inventory = { generation: inventory.generation + 1, hosts: all };
    send("hosts", { generation: inventory.generation, hosts: news });
  }

  /** Milliseconds that something costs this page's thread, from the frame's begin through its paint. */
  function cost(run) {
    return new Promise((resolve) => {
      requestAnimationFrame(() => {
        const since = performance.now();
        run();
        const after = new MessageChannel();
        after.port1.onmessage = () => resolve(performance.now() - since);
        after.port2.postMessage(null);
      });
    });
  }

  async function costs(times, run) {
    const out = [];
    for (let turn = 0; turn < times; turn++) out.push(await cost(run(turn)));
    return out;
  }

  /** The same hosts a moment later: each session has printed something, each host was asked again. */
  function later(hosts, turn) {
    const news = structuredClone(hosts);
    for (const each of news) {
      each.checked_at += turn + 1;
      for (const user of each.users) for (const some of user.sessions) some.activity += turn + 1;
    }
    return news;
  }

  function type(text) {
    const field = document.querySelector("[data-testid=filter]");
    field.value = text;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  /** What the bench asks for: kind of update → milliseconds of each run, on a page that has warmed up. */
  async function measure(times) {
    await runs(5);
    return runs(times);
  }

  async function runs(times) {
    const { hosts } = inventory;
    const event = (name, data) => {
      const text = JSON.stringify(data);
      return () => send(name, text);
    };
    const one = (turn) => event("hosts", { generation: turn, hosts: later(hosts.slice(3, 4), turn) });
    const some = (turn) => event("hosts", { generation: turn, hosts: later(hosts.slice(0, 50), turn) });
    const every = (turn) => event("hosts", { generation: turn, hosts: later(hosts, turn) });
    const checked = (turn) =>
      event("checked", { hosts: Object.fromEntries(hosts.map((each) => [each.key, each.checked_at + turn])) });
    const whole = (turn) => event("inventory", { generation: turn, hosts: later(hosts, turn) });
    const height = document.documentElement.scrollHeight;
    const jump = (turn) => () => scrollTo(0, (height * ((turn * 7) % times)) / times);
    const found = { one: await costs(times, one), some: await costs(times, some), every: await costs(times, every) };
    scrollTo(0, height / 2);
    found.middle = await costs(times, every);
    scrollTo(0, 0);
    Object.assign(found, { checked: await costs(times, checked), whole: await costs(times, whole) });
    found.type = [];
    found.clear = [];
    for (let turn = 0; turn < times; turn++) {
      found.type.push(await cost(() => type("api state:detached")));
      found.clear.push(await cost(() => type("")));
    }
    found.scroll = await costs(times, jump);
    scrollTo(0, 0);
    return found;
  }

  window.fleet = { make, host, show, hosts, change, send, cost, measure };
})();
