import { figure, totals } from "./cluster.js";
import { h, setAttribute, setText } from "./dom.js";

const keptSamples = 60;

/** The figures at the top, with a line of the last minute's events. */
export class Tiles {
    #samples = [];

    constructor(element) {
        this.shards = tile("Shards ready", { meter: true });
        this.processes = tile("Shard processes");
        this.workers = tile("Workers");
        this.lanes = tile("Lanes read", { meter: true });
        this.guilds = tile("Servers");
        this.latency = tile("Heartbeat");
        this.events = tile("Events per second", { wide: true });
        this.line = sparkline();
        this.events.element.append(this.line.element);
        element.replaceChildren(
            ...[
                this.events,
                this.shards,
                this.guilds,
                this.processes,
                this.workers,
                this.lanes,
                this.latency,
            ].map((made) => made.element),
        );
    }

    render(cluster) {
        const sums = totals(cluster);
        this.#samples = [...this.#samples, sums.eventsPerSecond].slice(-keptSamples);
        const failed = sums.slotsFailed > 0 ? `${sums.slotsFailed} failed` : "";
        const missing = sums.slots - sums.slotsReady;
        const rest = missing > 0 ? `${missing} on the way` : "all up";
        const shardNote = failed || (sums.slots > 0 ? rest : "none yet");
        this.shards.show(figure(sums.slotsReady), `of ${figure(sums.slots)}`, shardNote, {
            tone: failed ? "bad" : missing > 0 ? "warn" : sums.slots > 0 ? "good" : null,
            share: sums.slots === 0 ? 0 : sums.slotsReady / sums.slots,
        });
        this.processes.show(
            figure(sums.shardProcessesAlive),
            `of ${figure(sums.shardProcesses)}`,
            ...standing(sums.shardProcessesAlive, sums.shardProcesses)
        );
        this.workers.show(
            figure(sums.workersAlive),
            `of ${figure(sums.workers)}`,
            ...standing(sums.workersAlive, sums.workers)
        );
        const unread = sums.lanes - sums.lanesRead;
        const allRead = sums.lanes > 0 ? "all read" : "none yet";
        this.lanes.show(figure(sums.lanesRead), `of ${figure(sums.lanes)}`, unread > 0 ? `${unread} unread` : allRead, {
            tone: unread > 0 ? "bad" : sums.lanes > 0 ? "good" : null,
            share: sums.lanes === 0 ? 0 : sums.lanesRead / sums.lanes,
        });
        this.guilds.show(figure(sums.guilds), "", "in all shards", {});
        this.latency.show(
            sums.latency === null ? "–" : figure(Math.round(sums.latency)),
            sums.latency === null ? "" : "ms",
            "median, until the ACK",
            {},
        );
        this.events.show(
            figure(sums.eventsPerSecond),
            "",
            `at most ${figure(Math.max(...this.#samples))} in the last minute`,
            {},
        );
        this.line.draw(this.#samples);
    }
}

function standing(alive, all) {
    if (all === 0) return ["none registered", {}];
    return alive < all ? [`${all - alive} not alive`, { tone: "bad" }] : ["all alive", { tone: "good" }];
}

function tile(label, { meter = false, wide = false } = {}) {
    const value = h("span", { class: "value" }, "–");
    const unit = h("span", { class: "unit" });
    const note = h("p", { class: "tile-note" });
    const bar = meter ? h("i") : null;
    const element = h(
        "div",
        { class: `tile${wide ? " wide" : ""}` },
        h("h2", {}, label),
        h("p", { class: "figure" }, value, " ", unit),
        bar && h("div", { class: "meter", "aria-hidden": "true" }, bar),
        note,
    );
    return {
        element,
        show: (text, of, words, { tone = null, share = null }) => {
            setText(value, text);
            setText(unit, of);
            setText(note, words);
            setAttribute(element, "data-tone", tone);
            if (bar !== null) bar.style.width = `${Math.round(share * 100)}%`;
        },
    };
}

function sparkline() {
    const namespace = "http://www.w3.org/2000/svg";
    const element = document.createElementNS(namespace, "svg");
    const area = document.createElementNS(namespace, "path");
    const line = document.createElementNS(namespace, "path");
    for (const [key, value] of [
        ["viewBox", "0 0 240 48"],
        ["preserveAspectRatio", "none"],
        ["class", "spark"],
        ["aria-hidden", "true"],
    ]) {
        element.setAttribute(key, value);
    }
    area.setAttribute("class", "spark-area");
    line.setAttribute("class", "spark-line");
    element.append(area, line);
    return {
        element,
        draw: (samples) => {
            const top = Math.max(1, ...samples);
            const step = 240 / (keptSamples - 1);
            const from = 240 - (samples.length - 1) * step;
            const points = samples.map(
                (value, index) => `${(from + index * step).toFixed(1)} ${(46 - (value / top) * 42).toFixed(1)}`,
            );
            line.setAttribute("d", `M${points.join("L")}`);
            area.setAttribute("d", `M${from.toFixed(1)} 48L${points.join("L")}L240 48Z`);
        },
    };
}
