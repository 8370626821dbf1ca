// An identity provider: a real OpenID provider on loopback, whose people need no password.
// Usage: node idp.mjs SETTINGS.json   Prints its address once it listens.
//
// SETTINGS: port; clients: [{id, secret, redirect, access_life}], whose access tokens live access_life
// seconds, 0: as long as the ID token;
// people: {name: {claims, life, renews}}: what is said of them, how many seconds their tokens live, and whether
// they get a refresh token.
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const settings = JSON.parse(readFileSync(process.argv[2], "utf8"));
const issuer = `http://127.0.0.1:${settings.port}`;
const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const signing = { ...privateKey.export({ format: "jwk" }), use: "sig", alg: "RS256", kid: randomBytes(8).toString("hex") };

const person = (name) => settings.people[name];
const claimsOf = (name) => ({ email_verified: true, ...person(name).claims });
const accessLife = Object.fromEntries(settings.clients.map((client) => [client.id, client.access_life]));
const life = (name) => person(name).life;

const provider = new Provider(issuer, {
  clients: settings.clients.map(({ id, secret, redirect }) => ({
    client_id: id,
    client_secret: secret,
    redirect_uris: [redirect],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: id === "envoy" ? "client_secret_post" : "client_secret_basic",
  })),
  jwks: { keys: [signing] },
  cookies: { keys: [randomBytes(32).toString("hex")] },
  scopes: ["openid", "email", "groups", "offline_access"],
  claims: { openid: ["sub"], email: ["email", "email_verified"], groups: ["groups"] },
  conformIdTokenClaims: false,
  pkce: { required: () => false },
  findAccount: (_ctx, name) =>
    person(name) && { accountId: name, claims: () => ({ sub: `subject-of-${name}`, ...claimsOf(name) }) },
  issueRefreshToken: async (_ctx, _client, code) => person(code.accountId).renews,
  rotateRefreshToken: false,
  expiresWithSession: async () => false,
  ttl: {
    AccessToken: (_ctx, token, client) => accessLife[client.clientId] || life(token.accountId),
    IdToken: (ctx) => life(ctx.oidc.account.accountId),
    Grant: 3600,
    Interaction: 600,
    RefreshToken: 3600,
    Session: 3600,
  },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  // Who logs in has consented.
  loadExistingGrant: async (ctx) => {
    const grant = new ctx.oidc.provider.Grant({
      clientId: ctx.oidc.client.clientId,
      accountId: ctx.oidc.session.accountId,
    });
    grant.addOIDCScope("openid email groups offline_access");
    await grant.save();
    return grant;
  },
});

const form = `<!doctype html><title>Log in</title><link rel="icon" href="data:,">
<form method="post"><input name="login" autofocus><button>Log in</button></form>`;

async function interact(request, response) {
  if (request.method !== "POST") {
    response.setHeader("Content-Type", "text/html");
    response.end(form);
    return;
  }
  let body = "";
  for await (const chunk of request) body += chunk;
  const accountId = new URLSearchParams(body).get("login");
  await provider.interactionFinished(request, response, { login: { accountId } });
}

const answer = provider.callback();
const server = createServer((request, response) => {
  if (!request.url.startsWith("/interaction/")) return answer(request, response);
  interact(request, response).catch((error) => {
    console.error(error);
    response.statusCode = 500;
    response.end();
  });
});
provider.on("server_error", (_ctx, error) => console.error(error));
for (const name of ["grant.error", "authorization.error"])
  provider.on(name, (_ctx, error) => console.error(name, error.message, error.error_description ?? ""));
server.listen(settings.port, "127.0.0.1", () => console.log(issuer));
