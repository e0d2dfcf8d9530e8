// Small makers of DOM nodes. Text always goes in as text, never as markup.

/**
 * An element. `properties`: `class`, `data` (dataset), `on` (listeners by event), and attributes by name, where
 * true means present and false, null or undefined absent. Children: nodes, strings, lists of them; null is skipped.
 */
export function h(tag, properties = {}, ...children) {
    const element = document.createElement(tag);
    for (const [key, value] of Object.entries(properties)) {
        if (value === null || value === undefined || value === false) continue;
        if (key === "class") element.className = value;
        else if (key === "data") Object.assign(element.dataset, value);
        else if (key === "on") for (const [event, run] of Object.entries(value)) element.addEventListener(event, run);
        else element.setAttribute(key, value === true ? "" : String(value));
    }
    append(element, children);
    return element;
}

function append(element, children) {
    for (const child of children.flat(Infinity)) {
        if (child !== null && child !== undefined && child !== false && child !== "") element.append(child);
    }
}

export function replaceChildren(element, ...children) {
    element.replaceChildren();
    append(element, children);
}

// Outlines on a 24 × 24 grid.
const icons = {
    anchor: ["M12 8v13", "M5 13c0 5 3.5 8 7 8s7-3 7-8", "M8 12h8", "M12 8a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z"],
    plus: ["M12 5v14", "M5 12h14"],
    menu: ["M4 7h16", "M4 12h16", "M4 17h16"],
    people: [
        "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z",
        "M2.5 20c.5-4 3-6 6.5-6s6 2 6.5 6",
        "M16 4.5a3.5 3.5 0 0 1 0 6.5",
        "M18 14.5c2 .8 3.2 2.7 3.5 5.5",
    ],
    hash: ["M9.5 4l-2 16", "M16.5 4l-2 16", "M4.5 9h16", "M3.5 15h16"],
    reply: ["M10 7L4 12l6 5", "M4 12h9c4 0 7 2 7 6"],
    pencil: ["M4 20l1-4L16 5l3 3L8 19z", "M14 7l3 3"],
    bin: ["M5 7h14", "M10 7V4h4v3", "M7 7l1 13h8l1-13", "M10.5 11v5", "M13.5 11v5"],
    smile: [
        "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z",
        "M8.5 14c1 1.6 2.2 2.3 3.5 2.300s2.5-.7 3.5-2.3",
        "M9 9.500v.5",
        "M15 9.500v.5",
    ],
    send: ["M4 12l16-8-5 16-3.5-6.500z", "M11.5 13.500L20 4"],
    leave: ["M14 5H6v14h8", "M11 12h10", "M18 9l3 3-3 3"],
    close: ["M6 6l12 12", "M18 6L6 18"],
    down: ["M12 5v14", "M6 13l6 6 6-6"],
    slash: ["M15 4L9 20"],
};

export function icon(name) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    for (const [key, value] of [["viewBox", "0 0 24 24"], ["class", "icon"], ["aria-hidden", "true"]]) {
        svg.setAttribute(key, value);
    }
    for (const d of icons[name]) {
        const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
        path.setAttribute("d", d);
        svg.append(path);
    }
    return svg;
}

/** A button that shows an icon only; `label` is its name and tooltip. */
export function iconButton(name, label, onClick, properties = {}) {
    const { class: extra = "", ...rest } = properties;
    return h(
        "button",
        {
            type: "button",
            class: `icon-button ${extra}`.trim(),
            "aria-label": label,
            title: label,
            on: { click: onClick },
            ...rest
        },
        icon(name),
    );
}

const hues = 8;

// A colour that stays with an id or name.
function hueClass(seed) {
    let sum = 0;
    for (const character of String(seed)) sum = (sum * 31 + character.codePointAt(0)) % 9973;
    return `hue-${sum % hues}`;
}

/** Up to two initials of a name. */
export function initials(name) {
    const words = name.trim().split(/[\s_.-]+/u).filter(Boolean);
    const letters = words.slice(0, 2).map((word) => [...word][0]);
    return (letters.join("") || "?").toUpperCase();
}

/** The round picture of a user: their image when it has an address, else initials on a colour of their own. */
export function avatar(user, name, extra = "") {
    const isAddress = typeof user.avatar === "string" && /^https?:\/\//.test(user.avatar);
    const face = h(
        "span",
        { class: `avatar ${hueClass(user.webhook_id ? name : user.id)} ${extra}`.trim(), "aria-hidden": "true" },
        initials(name),
    );
    if (isAddress) {
        const image = h("img", { src: user.avatar, alt: "", loading: "lazy", referrerpolicy: "no-referrer" });
        image.addEventListener("error", () => image.remove());
        face.append(image);
    }
    return face;
}

/** A modal dialog around `content`; removed from the page once closed. */
export function openDialog(title, ...content) {
    const heading = h("h2", { id: "dialog-title" }, title);
    const dialog = h("dialog", { class: "dialog", "aria-labelledby": "dialog-title" }, heading, content);
    dialog.addEventListener("close", () => dialog.remove());
    dialog.addEventListener("click", (event) => {
        if (event.target === dialog) dialog.close();
    });
    document.body.append(dialog);
    dialog.showModal();
    return dialog;
}
