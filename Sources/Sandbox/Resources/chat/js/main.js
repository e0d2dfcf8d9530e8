import { App } from "./app.js";
import { h } from "./dom.js";
import { RestClient } from "./rest.js";
import { loginView } from "./views/login-view.js";
import { Notices } from "./views/notices.js";

// A log-in belongs to one tab, so that two tabs can be two people.
const tokenKey = "flotilla-sandbox-token";
const page = document.getElementById("page");
const notices = new Notices();
document.body.append(notices.element);
let app = null;

function showLogin(notice = "") {
    const enter = async (path, login, password) => {
        const { token } = await new RestClient().post(path, { login, password });
        sessionStorage.setItem(tokenKey, token);
        await showApp(token);
    };
    page.replaceChildren(
        loginView({
            notice,
            logIn: (login, password) => enter("/auth/login", login, password),
            register: (login, password) => enter("/auth/register", login, password),
        }),
    );
}

function leave(notice) {
    sessionStorage.removeItem(tokenKey);
    app?.stop();
    app = null;
    showLogin(notice);
}

async function showApp(token) {
    const rest = new RestClient({
        token,
        unauthorized: () => app !== null && leave("Your log-in has ended. Log in again."),
    });
    const { url } = await rest.get("/gateway");
    app = new App({ rest, gatewayURL: url, notices, leave });
    page.replaceChildren(app.element);
    app.start();
}

async function begin() {
    const token = sessionStorage.getItem(tokenKey);
    if (token === null) return showLogin();
    try {
        await showApp(token);
    } catch (error) {
        page.replaceChildren(
            h(
                "main",
                { class: "main-empty" },
                h("h1", {}, "The sandbox is away"),
                h("p", {}, error.message),
                h("button", { type: "button", class: "button primary", on: { click: () => begin() } }, "Try again"),
            ),
        );
    }
}

begin();
