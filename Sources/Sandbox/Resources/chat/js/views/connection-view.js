import { h, replaceChildren } from "../dom.js";

const words = {
    idle: "Starting",
    connecting: "Connecting…",
    identifying: "Connecting…",
    resuming: "Catching up…",
    ready: "Connected",
    waiting: "Disconnected",
    stopped: "Disconnected",
};

// A reconnect that takes less is not worth a banner.
const patience = 700;

/** Shows the state of the gateway: a word in the user panel, a banner while it is away. */
export class ConnectionView {
    #gateway = null;
    #wasReady = false;
    #timer = 0;
    #awaySince = null;

    constructor() {
        this.word = h("span", { class: "connection-word" });
        this.badge = h(
            "p",
            { class: "connection", role: "status" },
            h("span", { class: "connection-mark", "aria-hidden": "true" }),
            this.word,
        );
        this.banner = h("div", { class: "banner", role: "status", hidden: true });
    }

    follow(gateway) {
        this.#gateway = gateway;
        this.#wasReady = false;
        this.#awaySince = null;
        gateway.addEventListener("state", () => this.#draw());
        this.#draw();
    }

    leave() {
        clearTimeout(this.#timer);
        this.#gateway = null;
    }

    #draw() {
        const gateway = this.#gateway;
        clearTimeout(this.#timer);
        if (gateway === null) return;
        const { phase } = gateway;
        if (this.word.textContent !== words[phase]) this.word.textContent = words[phase];
        this.badge.dataset.phase = phase;
        const isMeasured = phase === "ready" && gateway.latency !== null;
        this.badge.title = isMeasured ? `Gateway answers in ${gateway.latency} ms` : words[phase];
        if (phase === "ready") {
            this.#wasReady = true;
            this.#awaySince = null;
            this.banner.hidden = true;
            return;
        }
        this.#awaySince ??= Date.now();
        const away = Date.now() - this.#awaySince;
        const isShown = away >= patience && (this.#wasReady || gateway.attempts > 0);
        this.banner.hidden = !isShown;
        if (isShown) {
            const seconds = gateway.retryAt === null ? 0 : Math.max(
                0,
                Math.ceil((gateway.retryAt - Date.now()) / 1000),
            );
            const isWaiting = phase === "waiting" && seconds > 0;
            const text = `Connection lost. ${isWaiting ? `Trying again in ${seconds} s.` : "Connecting again…"}`;
            if (this.banner.dataset.text !== text) {
                this.banner.dataset.text = text;
                replaceChildren(
                    this.banner,
                    h("span", {}, text),
                    phase === "waiting" && h(
                        "button",
                        { type: "button", class: "link-button", on: { click: () => gateway.connect() } },
                        "Try now",
                    ),
                );
            }
        }
        if (phase !== "stopped") this.#timer = setTimeout(() => this.#draw(), 250);
    }
}
