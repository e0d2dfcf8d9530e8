// Asks for the cluster each second while the page is visible; backs off while the server is away.

import { isCluster } from "./cluster.js";

const interval = 1_000;
const deadline = 5_000;
const longestPause = 15_000;

/** Milliseconds until the next request: one second after an answer, doubling (with jitter) after each failure. */
export function pauseAfter(failures, random = Math.random) {
    if (failures === 0) return interval;
    const ceiling = Math.min(longestPause, interval * 2 ** Math.min(failures, 10));
    return Math.round(ceiling * (0.5 + random() / 2));
}

export class Poller {
    #failures = 0;
    #timer = 0;
    #request = null;

    /** `received(cluster)` follows an answer, `failed(problem, nextAt)` a failure; `nextAt` in epoch milliseconds. */
    constructor({ received, failed }) {
        this.received = received;
        this.failed = failed;
        document.addEventListener("visibilitychange", () => this.#visibilityChanged());
        addEventListener("online", () => this.now());
    }

    now() {
        clearTimeout(this.#timer);
        this.#request?.abort();
        this.#ask();
    }

    #visibilityChanged() {
        if (document.visibilityState === "visible") this.now();
        else clearTimeout(this.#timer);
    }

    async #ask() {
        const request = new AbortController();
        this.#request = request;
        const limit = setTimeout(() => request.abort(new DOMException("late", "TimeoutError")), deadline);
        let problem = null;
        try {
            const cluster = await read("api/v1/cluster", request.signal);
            if (!isCluster(cluster)) throw new Error("The answer is not a cluster view.");
            this.#failures = 0;
            this.received(cluster);
        } catch (error) {
            // A newer request took over.
            if (request !== this.#request) return;
            problem = await explain(error);
            this.#failures += 1;
        } finally {
            clearTimeout(limit);
        }
        if (request !== this.#request) return;
        const pause = pauseAfter(this.#failures);
        if (problem !== null) this.failed(problem, Date.now() + pause);
        if (document.visibilityState === "visible") this.#timer = setTimeout(() => this.#ask(), pause);
    }
}

async function read(path, signal) {
    const response = await fetch(path, { signal, headers: { accept: "application/json" }, cache: "no-store" });
    const body = await response.json().catch(() => null);
    if (response.ok) return body;
    throw Object.assign(
        new Error(body?.detail ?? body?.title ?? `HTTP ${response.status}`),
        { status: response.status },
    );
}

// Tells a server that is gone from one whose coordinator is.
async function explain(error) {
    if (error.status === undefined) {
        const isLate = error.name === "TimeoutError";
        return isLate ? "The API server took too long to answer." : "The API server can't be reached.";
    }
    try {
        await read("api/v1/health", AbortSignal.timeout(2_000));
        return `The API server runs, but has no cluster view: ${error.message}.`.replace("..", ".");
    } catch {
        return `The API server refused: ${error.message}.`.replace("..", ".");
    }
}
