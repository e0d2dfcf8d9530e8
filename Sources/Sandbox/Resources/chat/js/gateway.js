// The WebSocket and the timers of one GatewaySession.

import { GatewaySession } from "./gateway-session.js";

export class Gateway extends EventTarget {
    #session;
    #socket = null;
    #heartbeat = 0;
    #retry = 0;

    /** Events: "dispatch" (detail {name, data}), "state", "stopped" (detail {reason}). */
    constructor({ url, token }) {
        super();
        this.#session = new GatewaySession({ url, token });
        addEventListener("online", this.#online);
    }

    get phase() {
        return this.#session.phase;
    }
    get attempts() {
        return this.#session.attempts;
    }
    /** When the next attempt starts, in milliseconds since the Unix epoch; null while none is planned. */
    get retryAt() {
        return this.#session.retryAt;
    }
    /** Milliseconds of the last heartbeat's round trip; null before the first. */
    get latency() {
        return this.#session.latency;
    }

    connect() {
        clearTimeout(this.#retry);
        this.#perform(this.#session.start());
    }

    stop() {
        removeEventListener("online", this.#online);
        this.#perform(this.#session.stop());
        this.#release();
    }

    #online = () => {
        if (this.#session.phase === "waiting") this.connect();
    };

    #perform(actions) {
        for (const action of actions) {
            switch (action.do) {
                case "connect":
                    this.#open(action.url);
                    break;
                case "send":
                    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(action.message));
                    break;
                case "close":
                    this.#close(action.code);
                    break;
                case "heartbeat":
                    clearTimeout(this.#heartbeat);
                    this.#heartbeat = setTimeout(
                        () => this.#perform(this.#session.heartbeatDue(Date.now())),
                        action.after,
                    );
                    break;
                case "wait":
                    this.#retry = setTimeout(() => this.connect(), action.milliseconds);
                    break;
                case "dispatch":
                    this.dispatchEvent(new CustomEvent(
                        "dispatch",
                        { detail: { name: action.name, data: action.data } },
                    ));
                    break;
                case "stop":
                    this.#release();
                    this.dispatchEvent(new CustomEvent("stopped", { detail: { reason: action.reason } }));
                    break;
            }
        }
        this.dispatchEvent(new Event("state"));
    }

    #open(url) {
        this.#release();
        const socket = new WebSocket(url);
        this.#socket = socket;
        socket.addEventListener("message", (event) => {
            const message = parse(event.data);
            if (message === null) this.#close(4002);
            else this.#perform(this.#session.received(message, Date.now()));
        });
        socket.addEventListener("close", (event) => this.#closed(socket, event.code));
    }

    // A close handshake with a dead peer can take minutes: the session goes on without waiting for it.
    #close(code) {
        const socket = this.#socket;
        socket?.close(code);
        this.#closed(socket, null);
    }

    #closed(socket, code) {
        if (socket === null || socket !== this.#socket) return;
        this.#release();
        this.#perform(this.#session.closed(code, Date.now()));
    }

    #release() {
        clearTimeout(this.#heartbeat);
        clearTimeout(this.#retry);
        const socket = this.#socket;
        this.#socket = null;
        if (socket !== null && socket.readyState < WebSocket.CLOSING) socket.close(1000);
    }
}

function parse(text) {
    try {
        const message = JSON.parse(text);
        return typeof message === "object" && message !== null ? message : null;
    } catch {
        return null;
    }
}
