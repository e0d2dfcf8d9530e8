import { shardOfServer, slotsOf, slotKey, span, statusOf } from "./cluster.js";
import { h, setText } from "./dom.js";
import { LaneMap } from "./lane-map.js";
import { Poller } from "./poller.js";
import { ShardMap, ShardTable } from "./shard-map.js";
import { Tiles } from "./tiles.js";

// A view whose time of making stands still for this long says nothing of now.
const staleAfter = 5_000;

const element = (id) => document.getElementById(id);
const tiles = new Tiles(element("tiles"));
const map = new ShardMap({ element: element("map"), legend: element("legend"), tooltip: element("tooltip") });
const table = new ShardTable(element("table"));
const lanes = new LaneMap(element("lanes"));

let cluster = null;
let receivedAt = null;
let advancedAt = null;
let problem = null;
let nextAt = null;
let chosen = null;

const poller = new Poller({
    received(answer) {
        // Its own clock and the server's may differ: only whether the server's moves on is looked at.
        if (answer.generatedAt !== cluster?.generatedAt) advancedAt = Date.now();
        cluster = answer;
        receivedAt = Date.now();
        problem = null;
        nextAt = null;
        render();
    },
    failed(reason, at) {
        problem = reason;
        nextAt = at;
        renderFreshness();
    },
});

function application() {
    return cluster?.applications.find(({ id }) => id === chosen) ?? cluster?.applications[0] ?? null;
}

function render() {
    document.body.classList.add("is-loaded");
    const now = Date.parse(cluster.generatedAt);
    renderPicker();
    setText(element("leader"), cluster.leader ? `led by ${cluster.leader}` : "no leader");
    const id = application()?.id ?? "";
    tiles.render(cluster);
    if (element("map").hidden) table.render(slotsOf(cluster, id));
    else map.render(cluster, id, now);
    lanes.render(cluster, now);
    renderEmpty();
    renderFreshness();
}

function renderPicker() {
    const picker = element("application-picker");
    const select = element("application");
    const { applications } = cluster;
    picker.hidden = applications.length < 2;
    const wanted = applications.map(({ id, name }) => `${id} ${name}`).join("\n");
    if (select.dataset.options === wanted) return;
    select.dataset.options = wanted;
    select.replaceChildren(...applications.map(({ id, name }) => h("option", { value: id }, name || id)));
    select.value = application()?.id ?? "";
}

function renderEmpty() {
    emptyNote(element("map"), "No shard process has registered yet. Start one with: flotilla shard");
    emptyNote(
        element("lanes"),
        "No worker has registered and no lane is declared yet. Start one with: flotilla worker",
    );
}

function emptyNote(place, words) {
    const note = place.nextElementSibling?.classList.contains("empty") ? place.nextElementSibling : null;
    const isEmpty = place.childElementCount === 0;
    if (isEmpty && note === null) place.after(h("p", { class: "empty" }, words));
    if (!isEmpty) note?.remove();
}

function renderFreshness() {
    const now = Date.now();
    const age = receivedAt === null ? null : now - receivedAt;
    const viewAge = advancedAt === null ? null : now - advancedAt;
    const isOld = viewAge !== null && viewAge > staleAfter;
    const state = problem !== null ? "away" : cluster === null ? "loading" : isOld ? "old" : "live";
    element("freshness").dataset.state = state;
    const words = { away: "Not live", loading: "Loading…", old: "Old data", live: "Live" };
    setText(element("freshness-text"), words[state]);
    document.body.classList.toggle("is-stale", state === "away" || state === "old");

    const banner = element("banner");
    let text = "";
    if (state === "away") {
        const seconds = Math.max(0, Math.ceil((nextAt - now) / 1000));
        const shown = age === null ? "" : ` Shown: what was known ${span(age)} ago.`;
        text = `${problem}${shown} ${seconds > 0 ? `Next try in ${seconds} s.` : "Trying now…"}`;
    } else if (state === "old") {
        text = `The coordinator has sent nothing new for ${span(viewAge)}.`;
    }
    const wasHidden = banner.hidden;
    banner.hidden = text === "";
    if (text !== "" && (wasHidden || banner.firstChild === null)) {
        const button = h("button", { type: "button", on: { click: () => poller.now() } }, "Try now");
        banner.replaceChildren(h("span", {}), button);
    }
    if (text !== "") {
        // A screen reader is told of the outage once, not of each second of the countdown.
        banner.setAttribute("aria-live", wasHidden ? "assertive" : "off");
        setText(banner.firstChild, text);
    }
}

function show(kind) {
    const isMap = kind === "map";
    element("map").hidden = !isMap;
    element("legend").hidden = !isMap;
    element("table").hidden = isMap;
    element("show-map").setAttribute("aria-pressed", String(isMap));
    element("show-table").setAttribute("aria-pressed", String(!isMap));
    if (cluster !== null) render();
}

function find() {
    const answer = element("find-answer");
    const input = element("server-id");
    const current = application();
    const numShards = current?.numShards ?? 0;
    const shard = shardOfServer(input.value, numShards);
    input.setAttribute("aria-invalid", String(shard === null));
    if (shard === null) {
        answer.dataset.tone = "bad";
        answer.textContent = numShards > 0 ? "A server id is a number of 15 to 20 digits." : "There are no shards yet.";
        return;
    }
    const slot = slotsOf(cluster, current.id).find(
        (candidate) => candidate.shard === shard && candidate.generation === current.generation,
    );
    const runner = slot?.member ? `, on ${slot.member}` : "";
    const where = slot === undefined ? "" : `: ${statusOf(slot).word.toLowerCase()}${runner}`;
    answer.dataset.tone = "";
    answer.textContent = `Server ${input.value.trim()} is on shard ${shard} of ${numShards}${where}.`;
    if (slot !== undefined && !element("map").hidden) map.reveal(slotKey(slot));
}

element("show-map").addEventListener("click", () => show("map"));
element("show-table").addEventListener("click", () => show("table"));
element("application").addEventListener("change", (event) => {
    chosen = event.target.value;
    render();
});
element("find").addEventListener("submit", (event) => {
    event.preventDefault();
    find();
});
setInterval(renderFreshness, 1_000);
poller.now();
