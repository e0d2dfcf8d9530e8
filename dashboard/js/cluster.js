// What the dashboard says about GET /api/v1/cluster. No DOM, no network.

/** How each slot status is shown: a letter and a word besides the colour. `tone`: good, busy, warn, bad or none. */
export const statuses = Object.freeze({
    ready: { letter: "R", word: "Ready", tone: "good" },
    starting: { letter: "S", word: "Starting", tone: "busy" },
    waitingForPermit: { letter: "W", word: "Waits for a permit", tone: "busy" },
    connecting: { letter: "C", word: "Connecting", tone: "busy" },
    identifying: { letter: "I", word: "Identifying", tone: "busy" },
    resuming: { letter: "U", word: "Resuming", tone: "busy" },
    handingOver: { letter: "H", word: "Handing over", tone: "warn" },
    released: { letter: "L", word: "Released", tone: "warn" },
    failed: { letter: "X", word: "Failed", tone: "bad" },
    unassigned: { letter: "–", word: "Nobody runs it", tone: "none" },
});

const unknownStatus = { letter: "?", word: "Unknown", tone: "none" };

/** The status as shown: a slot without a member is nobody's, whatever its last status was. */
export function statusOf(slot) {
    if (!slot.member && slot.status !== "failed") return statuses.unassigned;
    return statuses[slot.status] ?? { ...unknownStatus, word: String(slot.status) };
}

/** Discord docs, Gateway, Sharding: (id >> 22) % count. null unless the text is a snowflake. */
export function shardOfServer(text, numShards) {
    const digits = text.trim();
    if (!/^\d{15,20}$/.test(digits) || !(numShards > 0)) return null;
    const id = BigInt(digits);
    return id > 0xffff_ffff_ffff_ffffn ? null : Number((id >> 22n) % BigInt(numShards));
}

/** The figures of the tiles. */
export function totals(cluster) {
    const count = (list, test) => list.filter(test).length;
    const shards = cluster.members.filter((member) => member.kind === "shard");
    const workers = cluster.members.filter((member) => member.kind === "worker");
    const current = currentSlots(cluster);
    const ready = current.filter((slot) => slot.member && slot.status === "ready");
    const latencies = ready.map((slot) => slot.latencyMs).filter(
        (latency) => latency !== null && latency !== undefined,
    );
    return {
        shardProcesses: shards.length,
        shardProcessesAlive: count(shards, isAlive),
        workers: workers.length,
        workersAlive: count(workers, isAlive),
        slots: current.length,
        slotsReady: ready.length,
        slotsFailed: count(current, (slot) => slot.status === "failed"),
        guilds: sum(current, (slot) => slot.guilds),
        eventsPerSecond: sum(current, (slot) => slot.eventsPerSecond),
        latency: latencies.length === 0 ? null : median(latencies),
        lanes: cluster.lanes.length,
        lanesRead: count(cluster.lanes, (lane) => laneReader(lane) !== null),
    };
}

const isAlive = (member) => member.state === "alive";
const sum = (list, value) => list.reduce((total, item) => total + (value(item) ?? 0), 0);

function median(values) {
    const sorted = [...values].sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)];
}

export const laneReader = (lane) => lane.primary ?? null;

// A reshard runs two generations at once; the figures are those of the one that publishes.
function currentSlots(cluster) {
    const generations = new Map(cluster.applications.map((application) => [application.id, application.generation]));
    return cluster.slots.filter((slot) => generations.get(slot.application) === slot.generation);
}

/** The slots of one application, those of its current generation first, in the order of shards. */
export function slotsOf(cluster, applicationID) {
    return cluster.slots
        .filter((slot) => slot.application === applicationID)
        .sort((a, b) => b.generation - a.generation || a.shard - b.shard);
}

export const slotKey = (slot) => `${slot.application}.${slot.generation}.${slot.shard}`;

/**
 * Slots under the process that runs them: [{id, member, slots}], processes by name, then what nobody runs.
 * A process without slots is there too; `member` is null for a process that left and for nobody (id "").
 */
export function processGroups(cluster, applicationID) {
    const groups = new Map(
        cluster.members
            .filter((member) => member.kind === "shard")
            .sort((a, b) => compareNames(a.id, b.id))
            .map((member) => [member.id, { id: member.id, member, slots: [] }]),
    );
    const nobody = { id: "", member: null, slots: [] };
    for (const slot of slotsOf(cluster, applicationID)) {
        if (!slot.member) {
            nobody.slots.push(slot);
            continue;
        }
        if (!groups.has(slot.member)) groups.set(slot.member, { id: slot.member, member: null, slots: [] });
        groups.get(slot.member).slots.push(slot);
    }
    return nobody.slots.length > 0 ? [...groups.values(), nobody] : [...groups.values()];
}

/** Lanes under their reader: [{id, member, primary: [lane], standby: [lane]}], then those nobody reads. */
export function laneGroups(cluster) {
    const groups = new Map(
        cluster.members
            .filter((member) => member.kind === "worker")
            .sort((a, b) => compareNames(a.id, b.id))
            .map((member) => [member.id, { id: member.id, member, primary: [], standby: [] }]),
    );
    const group = (id) => {
        if (!groups.has(id)) groups.set(id, { id, member: null, primary: [], standby: [] });
        return groups.get(id);
    };
    const unread = [];
    for (const lane of [...cluster.lanes].sort((a, b) => a.lane - b.lane)) {
        const reader = laneReader(lane);
        if (reader === null) unread.push(lane);
        else group(reader).primary.push(lane);
        if (lane.standby) group(lane.standby).standby.push(lane);
    }
    const all = [...groups.values()];
    return unread.length > 0 ? [...all, { id: "", member: null, primary: unread, standby: [] }] : all;
}

const names = new Intl.Collator(undefined, { numeric: true });
export const compareNames = (a, b) => names.compare(a, b);

/** 0 (idle) to 4 (the busiest of the fleet), for the depth of a cell's colour. */
export function heat(eventsPerSecond, busiest) {
    if (!(eventsPerSecond > 0) || !(busiest > 0)) return 0;
    return Math.max(1, Math.min(4, Math.ceil((eventsPerSecond / busiest) * 4)));
}

/** "12,345", "1.2" below ten, "0". */
export function figure(value) {
    if (value === null || value === undefined || !Number.isFinite(value)) return "–";
    const digits = value < 10 && !Number.isInteger(value) ? 1 : 0;
    return value.toLocaleString("en", { maximumFractionDigits: digits });
}

/** "4 s", "3 min", "2 h", "5 d". */
export function span(milliseconds) {
    const seconds = Math.max(0, Math.round(milliseconds / 1000));
    if (seconds < 90) return `${seconds} s`;
    if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
    if (seconds < 129_600) return `${Math.round(seconds / 3600)} h`;
    return `${Math.round(seconds / 86_400)} d`;
}

/** Whether an answer has the shape this page reads; a proxy's page or an older server has not. */
export function isCluster(value) {
    return (
        typeof value === "object" &&
        value !== null &&
        ["applications", "members", "slots", "lanes"].every((key) => Array.isArray(value[key]))
    );
}
