import { laneGroups } from "./cluster.js";
import { h, keyed, setAttribute, setText } from "./dom.js";
import { describeMember, factLines } from "./shard-map.js";

/** The lanes, one card for each worker. */
export class LaneMap {
    #groups = new Map();

    constructor(element) {
        this.element = element;
    }

    render(cluster, now) {
        this.now = now;
        keyed(this.element, this.#groups, laneGroups(cluster), (group) => group.id, () => this.#groupView());
    }

    #groupView() {
        const name = h("h3");
        const state = h("span", { class: "pill" });
        const facts = factLines();
        const list = h("ul", { class: "lanes" });
        const views = new Map();
        return {
            element: h("article", { class: "process" }, h("header", {}, name, state), facts, list),
            update: ({ id, member, primary, standby }) => {
                setText(name, id === "" ? "Nobody" : id);
                setAttribute(list, "aria-label", id === "" ? "Lanes that nobody reads" : `Lanes of ${id}`);
                const load = `reads ${primary.length}${standby.length > 0 ? `, stands by for ${standby.length}` : ""}`;
                describeMember(state, facts, id, member, this.now, id === "" ? `${primary.length} unread` : load);
                const lanes = [
                    ...primary.map(({ lane }) => ({ lane, role: id === "" ? "unread" : "primary" })),
                    ...standby.map(({ lane }) => ({ lane, role: "standby" })),
                ];
                keyed(list, views, lanes, ({ lane, role }) => `${role}-${lane}`, laneView);
            },
        };
    }
}

const words = { primary: "", standby: "standby", unread: "unread" };

function laneView({ lane, role }) {
    const element = h(
        "li",
        { class: "lane", data: { role }, title: `Lane ${lane}${words[role] && `, ${words[role]}`}` },
        String(lane),
        words[role] && h("span", { class: "visually-hidden" }, ` ${words[role]}`),
    );
    return { element, update: () => {} };
}
