// Dates and times in the reader's own language and zone.

const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

const styles = {
    t: { timeStyle: "short" },
    T: { timeStyle: "medium" },
    d: { dateStyle: "short" },
    D: { dateStyle: "long" },
    f: { dateStyle: "long", timeStyle: "short" },
    F: { dateStyle: "full", timeStyle: "short" },
};

export const clockTime = (date) => time.format(date);
export const fullTime = (date) => full.format(date);

/** "Today", "Yesterday", or the date. */
export function dayName(date, now = new Date()) {
    const midnight = (value) => new Date(value.getFullYear(), value.getMonth(), value.getDate()).getTime();
    const days = Math.round((midnight(date) - midnight(now)) / 86_400_000);
    if (days !== 0 && days !== -1) return day.format(date);
    const name = relative.format(days, "day");
    return name[0].toUpperCase() + name.slice(1);
}

/** The time beside an author: the clock alone today, with the day before it otherwise. */
export function messageTime(date, now = new Date()) {
    const name = dayName(date, now);
    return name === dayName(now, now) ? clockTime(date) : `${name} ${clockTime(date)}`;
}

const units = [
    ["year", 31_536_000],
    ["month", 2_592_000],
    ["day", 86_400],
    ["hour", 3600],
    ["minute", 60],
    ["second", 1],
];

/** Discord's <t:seconds:style>; "Invalid date" for a moment that no calendar has. */
export function timestampText(seconds, style, now = new Date()) {
    const date = new Date(seconds * 1000);
    if (Number.isNaN(date.getTime())) return "Invalid date";
    if (style !== "R") return new Intl.DateTimeFormat(undefined, styles[style] ?? styles.f).format(date);
    const difference = Math.round(seconds - now.getTime() / 1000);
    const [unit, size] = units.find(([, length]) => Math.abs(difference) >= length) ?? units.at(-1);
    return relative.format(Math.round(difference / size), unit);
}
