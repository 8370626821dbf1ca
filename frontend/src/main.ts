import "./styles/main.css";
import { framed } from "./embed/embedder.ts";
import { giveStylesTheNonce } from "./lib/style-nonce.ts";
import { App } from "./state/app.ts";
import { takeTokenFromAddress } from "./state/auth.ts";
import { MuxApp } from "./ui/mux-app.ts";

const token = takeTokenFromAddress();
giveStylesTheNonce();
document.documentElement.classList.toggle("framed", framed);

const app = new App();
void app.auth.start(token).then(() => {
  if (app.auth.state === "in" && app.router.route.page === "login") app.router.afterLogin();
});
customElements.define("mux-app", MuxApp);
const page = document.querySelector<MuxApp>("mux-app");
if (page) page.app = app;
