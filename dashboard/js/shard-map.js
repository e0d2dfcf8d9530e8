import { compareNames, figure, heat, processGroups, slotKey, span, statuses, statusOf } from "./cluster.js";
import { h, keyed, setAttribute, setText } from "./dom.js";

/** The shards as cells, one card for each process. */
export class ShardMap {
    #groups = new Map();
    #tooltipFor = null;
    #current = null;

    constructor({ element, legend, tooltip }) {
        this.element = element;
        this.tooltip = tooltip;
        this.slots = new Map();
        legend.append(
            ...Object.values(statuses).map(({ letter, word, tone }) =>
                h("li", {}, h("span", { class: "cell sample", data: { tone } }, letter), word),
            ),
        );
        element.addEventListener("pointerover", (event) => this.#point(event.target.closest(".cell")));
        element.addEventListener("pointerleave", () => this.#point(null));
        element.addEventListener("focusin", (event) => this.#point(event.target.closest(".cell")));
        element.addEventListener("focusout", () => this.#point(null));
        element.addEventListener("keydown", (event) => this.#key(event));
        addEventListener("scroll", () => this.#point(null), { passive: true });
    }

    render(cluster, applicationID, now) {
        const groups = processGroups(cluster, applicationID);
        this.cluster = cluster;
        this.now = now;
        this.slots = new Map(groups.flatMap((group) => group.slots.map((slot) => [slotKey(slot), slot])));
        const busiest = Math.max(0, ...[...this.slots.values()].map((slot) => slot.eventsPerSecond));
        keyed(this.element, this.#groups, groups, (group) => group.id, () => this.#groupView());
        for (const group of groups) this.#groups.get(group.id).cells(group, busiest);
        if (this.element.querySelector('.cell[tabindex="0"]') === null) {
            this.element.querySelector(".cell")?.setAttribute("tabindex", "0");
        }
        if (this.#tooltipFor !== null) this.#drawTooltip();
    }

    #groupView() {
        const name = h("h3");
        const state = h("span", { class: "pill" });
        const facts = factLines();
        const cells = h("div", { class: "cells", role: "group" });
        const element = h("article", { class: "process" }, h("header", {}, name, state), facts, cells);
        const views = new Map();
        return {
            element,
            update: ({ id, member, slots }) => {
                setText(name, id === "" ? "Nobody" : id);
                setAttribute(cells, "aria-label", id === "" ? "Shards that nobody runs" : `Shards of ${id}`);
                describeMember(
                    state,
                    facts,
                    id,
                    member,
                    this.now,
                    `${slots.length} ${slots.length === 1 ? "shard" : "shards"}`,
                );
            },
            cells: (group, busiest) => {
                keyed(cells, views, group.slots, slotKey, (slot) => cellView(slot));
                for (const slot of group.slots) views.get(slotKey(slot)).warm(heat(slot.eventsPerSecond, busiest));
            },
        };
    }

    /** Puts the focus on a shard and rings its cell. */
    reveal(key) {
        const cell = this.element.querySelector(`[data-slot="${CSS.escape(key)}"]`);
        if (cell === null) return false;
        this.element.querySelector(".is-found")?.classList.remove("is-found");
        cell.classList.add("is-found");
        cell.scrollIntoView({ block: "nearest" });
        return true;
    }

    // One tab stop; the arrows go from cell to cell.
    #key(event) {
        const cell = event.target.closest(".cell");
        if (cell === null) return;
        if (event.key === "Escape") return this.#point(null);
        const cells = [...this.element.querySelectorAll(".cell")];
        const index = cells.indexOf(cell);
        const row = cells.findIndex((other, place) => place > index && other.offsetTop > cell.offsetTop);
        const target = {
            ArrowRight: cells[index + 1],
            ArrowLeft: cells[index - 1],
            ArrowDown: cells[row < 0 ? cells.length - 1 : row],
            ArrowUp: cells.findLast(
                (other, place) =>
                    place < index && other.offsetTop < cell.offsetTop && other.offsetLeft <= cell.offsetLeft,
            ),
            Home: cells[0],
            End: cells.at(-1),
        }[event.key];
        if (target === undefined) return;
        event.preventDefault();
        for (const other of cells) other.tabIndex = -1;
        target.tabIndex = 0;
        target.focus();
    }

    #point(cell) {
        if (this.#current !== null) this.#current.removeAttribute("aria-describedby");
        this.#current = cell;
        this.#tooltipFor = cell?.dataset.slot ?? null;
        this.tooltip.hidden = cell === null;
        if (cell === null) return;
        cell.setAttribute("aria-describedby", this.tooltip.id);
        this.#drawTooltip();
        const from = cell.getBoundingClientRect();
        const size = this.tooltip.getBoundingClientRect();
        const left = Math.max(8, Math.min(from.left + from.width / 2 - size.width / 2, innerWidth - size.width - 8));
        const above = from.top - size.height - 8;
        this.tooltip.style.left = `${left}px`;
        this.tooltip.style.top = `${above > 8 ? above : from.bottom + 8}px`;
    }

    #drawTooltip() {
        const slot = this.slots.get(this.#tooltipFor);
        if (slot === undefined) {
            this.tooltip.hidden = true;
            return;
        }
        const status = statusOf(slot);
        const rows = [
            ["Process", slot.member ?? "nobody"],
            ["Servers", figure(slot.guilds)],
            ["Events", `${figure(slot.eventsPerSecond)} /s`],
            ["Heartbeat", slot.latencyMs == null ? "–" : `${figure(Math.round(slot.latencyMs))} ms`],
            ["Watermark", slot.watermark == null ? "–" : figure(slot.watermark)],
            ["Epoch", String(slot.epoch)],
            ["Told", `${span(this.now - Date.parse(slot.updatedAt))} ago`],
        ];
        this.tooltip.replaceChildren(
            h("p", { class: "tooltip-title" }, `Shard ${slot.shard} of ${slot.numShards}`),
            h(
                "p",
                { class: "tooltip-state" },
                h("span", { class: "cell sample", data: { tone: status.tone } }, status.letter),
                status.word,
            ),
            ...(slot.reason ? [h("p", { class: "tooltip-reason" }, slot.reason)] : []),
            h("dl", {}, rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
        );
    }
}

function cellView(first) {
    const element = h("button", { type: "button", class: "cell", data: { slot: slotKey(first) }, tabindex: "-1" });
    return {
        element,
        update: (slot) => {
            const status = statusOf(slot);
            setText(element, status.tone === "good" ? String(slot.shard) : status.letter);
            setAttribute(element, "data-tone", status.tone);
            setAttribute(element, "aria-label", `Shard ${slot.shard}: ${status.word}`);
        },
        warm: (degree) => setAttribute(element, "data-heat", String(degree)),
    };
}

/** The pill and the two lines of facts of a process's card; `facts` holds two spans. */
export function describeMember(state, facts, id, member, now, load) {
    const word = id === "" ? "unassigned" : (member?.state ?? "gone");
    setText(state, word);
    setAttribute(state, "data-state", word);
    const work = [load];
    const identity = [];
    if (member !== null) {
        if (member.kind === "shard") work.push(`${figure(member.eventsPerSecond)} events/s`);
        work.push(`up ${span(now - Date.parse(member.startedAt))}`);
        const lease = Date.parse(member.leaseExpiresAt) - now;
        identity.push(member.zone, member.version, `incarnation ${member.incarnation}`);
        identity.push(lease > 0 ? `lease ${span(lease)}` : "lease ran out");
    }
    setText(facts.firstChild, work.join(" · "));
    setText(facts.lastChild, identity.filter(Boolean).join(" · "));
}

/** The place for `describeMember`'s facts. */
export const factLines = () => h("p", { class: "facts" }, h("span"), h("span"));

const columns = [
    { name: "Shard", value: (slot) => slot.shard, number: true },
    { name: "State", value: (slot) => statusOf(slot).word },
    { name: "Process", value: (slot) => slot.member ?? "nobody" },
    { name: "Servers", value: (slot) => slot.guilds, number: true },
    { name: "Events/s", value: (slot) => slot.eventsPerSecond, number: true },
    {
        name: "Heartbeat",
        value: (slot) => slot.latencyMs ?? null,
        text: (value) => (value === null ? "–" : `${Math.round(value)} ms`),
        number: true,
    },
    { name: "Watermark", value: (slot) => slot.watermark ?? null, number: true },
    { name: "Epoch", value: (slot) => slot.epoch, number: true },
    { name: "Generation", value: (slot) => slot.generation, number: true },
];

/** The same shards as rows, sortable by each column. */
export class ShardTable {
    #sort = { column: columns[0], step: 1 };
    #rows = new Map();

    constructor(element) {
        this.headers = columns.map((column) => h(
            "th",
            { scope: "col", class: column.number ? "number" : null },
            this.#sorter(column),
        ));
        this.body = h("tbody");
        element.append(h("table", {}, h("thead", {}, h("tr", {}, this.headers)), this.body));
    }

    #sorter(column) {
        return h("button", { type: "button", on: { click: () => this.#sortBy(column) } }, column.name);
    }

    #sortBy(column) {
        this.#sort = { column, step: this.#sort.column === column ? -this.#sort.step : 1 };
        this.render(this.slots);
    }

    render(slots) {
        this.slots = slots;
        const { column, step } = this.#sort;
        const ordered = [...slots].sort(
            (a, b) => step * compareValues(column.value(a), column.value(b)) || a.shard - b.shard,
        );
        this.headers.forEach((header, index) => {
            setAttribute(
                header,
                "aria-sort",
                columns[index] === column ? (step > 0 ? "ascending" : "descending") : null,
            );
        });
        keyed(this.body, this.#rows, ordered, slotKey, () => rowView());
    }
}

function compareValues(a, b) {
    if (a === null || b === null) return (a === null) - (b === null);
    return typeof a === "number" ? a - b : compareNames(a, b);
}

function rowView() {
    const mark = h("span", { class: "cell sample" });
    const word = h("span");
    const cells = columns.map((column) => h("td", { class: column.number ? "number" : null }));
    cells[1].append(mark, word);
    return {
        element: h("tr", {}, cells),
        update: (slot) => {
            const status = statusOf(slot);
            setText(mark, status.letter);
            setAttribute(mark, "data-tone", status.tone);
            columns.forEach((column, index) => {
                const value = column.value(slot);
                const isFigure = typeof value === "number" || value === null;
                const text = column.text?.(value) ?? (isFigure ? figure(value) : value);
                setText(index === 1 ? word : cells[index], text);
            });
        },
    };
}
