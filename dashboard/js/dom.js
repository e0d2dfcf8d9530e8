// Small makers of DOM nodes. Text always goes in as text, never as markup.

/** An element; `properties` are `class`, `data`, `on` and attributes: true means present, null or false absent. */
export function h(tag, properties = {}, ...children) {
    const element = document.createElement(tag);
    for (const [key, value] of Object.entries(properties)) {
        if (value === null || value === undefined || value === false) continue;
        if (key === "class") element.className = value;
        else if (key === "data") Object.assign(element.dataset, value);
        else if (key === "on") for (const [event, run] of Object.entries(value)) element.addEventListener(event, run);
        else element.setAttribute(key, value === true ? "" : String(value));
    }
    for (const child of children.flat(Infinity)) {
        if (child !== null && child !== undefined && child !== false) element.append(child);
    }
    return element;
}

/** Writes only what differs, so that a screen reader and the layout hear of real changes alone. */
export function setText(element, text) {
    if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element, name, value) {
    if (value === null) element.removeAttribute(name);
    else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/**
 * Makes the children of `parent` the views of `items`, in order, reusing the element of each key.
 * `make(item)` gives {element, update(item)}.
 */
export function keyed(parent, views, items, key, make) {
    const seen = new Set();
    let place = parent.firstChild;
    for (const item of items) {
        const id = key(item);
        seen.add(id);
        let view = views.get(id);
        if (view === undefined) {
            view = make(item);
            views.set(id, view);
        }
        view.update(item);
        if (view.element === place) place = place.nextSibling;
        else parent.insertBefore(view.element, place);
    }
    for (const [id, view] of views) {
        if (seen.has(id)) continue;
        view.element.remove();
        views.delete(id);
    }
}
