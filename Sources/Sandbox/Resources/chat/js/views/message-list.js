import { h, icon, replaceChildren } from "../dom.js";
import { dayName } from "../dates.js";
import { messageRows } from "../grouping.js";
import { channelStart, messageView } from "./message-view.js";

const nearEdge = 320;
const atBottom = 48;

/** The messages of one channel: scrolls, loads older pages near the top, stays at the bottom while it is there. */
export class MessageList {
    #channel = null;
    #rows = new Map();
    #revision = 0;
    #isPinned = true;
    #isLoading = false;
    #isPrepending = false;
    #problem = null;
    #editor = null;

    /** `loadOlder(channel)` resolves once a page was added to the world. */
    constructor({ world, loadOlder, sawBottom, context }) {
        this.world = world;
        this.loadOlder = loadOlder;
        this.sawBottom = sawBottom;
        this.context = context;
        this.list = h("ol", { class: "messages" });
        this.state = h("div", { class: "list-state" });
        this.scroller = h(
            "div",
            { class: "scroller", tabindex: "0", role: "region", "aria-label": "Messages" },
            this.state,
            this.list,
        );
        this.jump = h(
            "button",
            { type: "button", class: "jump", hidden: true, on: { click: () => this.scrollToBottom() } },
            icon("down"),
            h("span", {}, "Newest messages"),
        );
        this.element = h("div", { class: "message-pane" }, this.scroller, this.jump);
        this.scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
        this.list.addEventListener("keydown", (event) => this.#moveFocus(event));
        new ResizeObserver(() => this.#isPinned && this.scrollToBottom()).observe(this.scroller);
    }

    get isAtBottom() {
        return this.#isPinned;
    }

    show(channel) {
        if (channel?.id !== this.#channel?.id) {
            this.#rows.clear();
            this.list.replaceChildren();
            this.#isPinned = true;
            this.#isLoading = false;
            this.#problem = null;
            this.#editor = null;
            this.scroller.setAttribute("aria-label", channel === null ? "Messages" : `Messages in #${channel.name}`);
        }
        this.#channel = channel;
        this.render();
        if (channel !== null && !this.world.timeline(channel.id).isLoaded) this.#load();
    }

    /** Names or roles changed: every line may look different. */
    invalidate() {
        this.#revision += 1;
        this.render();
    }

    render() {
        const channel = this.#channel;
        if (channel === null) {
            replaceChildren(this.state);
            this.list.replaceChildren();
            return;
        }
        const timeline = this.world.timeline(channel.id);
        const distance = this.scroller.scrollHeight - this.scroller.scrollTop;
        this.#place(channel, timeline);
        replaceChildren(this.state, this.#stateView(timeline));
        this.scroller.setAttribute("aria-busy", String(this.#isLoading));
        if (this.#isPinned) this.scrollToBottom();
        // A page was put above: what was in view stays where it was.
        else if (this.#isPrepending) this.scroller.scrollTop = this.scroller.scrollHeight - distance;
        this.jump.hidden = this.#isPinned;
    }

    #place(channel, timeline) {
        const messages = [...(timeline.isLoaded ? timeline.messages : []), ...timeline.pending];
        const context = this.context();
        const wanted = timeline.isLoaded && timeline.reachedStart ? [
            { kind: "start", key: `start-${channel.name}-${channel.topic}` },
        ] : [];
        wanted.push(...messageRows(messages));
        const kept = new Map();
        let next = this.list.firstChild;
        for (const row of wanted) {
            let entry = this.#rows.get(row.key);
            const isSame =
                entry !== undefined &&
                entry.message === row.message &&
                entry.startsGroup === row.startsGroup &&
                entry.revision === this.#revision;
            if (!isSame) {
                const element = this.#rowView(row, channel, context);
                if (entry !== undefined) {
                    const hadFocus = entry.element.contains(document.activeElement);
                    if (entry.element === next) next = next.nextSibling;
                    entry.element.replaceWith(element);
                    if (hadFocus) element.focus({ preventScroll: true });
                }
                entry = { element, message: row.message, startsGroup: row.startsGroup, revision: this.#revision };
            } else if (entry.element === next) {
                next = next.nextSibling;
            }
            kept.set(row.key, entry);
            const isPlaced = entry.element.parentNode === this.list && entry.element.nextSibling === next;
            if (!isPlaced) this.list.insertBefore(entry.element, next);
        }
        for (const [key, entry] of this.#rows) if (!kept.has(key)) entry.element.remove();
        this.#rows = kept;
    }

    #rowView(row, channel, context) {
        switch (row.kind) {
            case "start":
                return channelStart(channel);
            case "day":
                return h("li", { class: "day" }, h("span", {}, dayName(row.date)));
            default: {
                const view = messageView(row.message, row.startsGroup, context);
                if (this.#editor?.id === row.message.id) this.#openEditor(view);
                return view;
            }
        }
    }

    #stateView(timeline) {
        if (this.#problem !== null) {
            return h(
                "div",
                { class: "list-problem", role: "alert" },
                h("p", {}, this.#problem),
                h(
                    "button",
                    { type: "button", class: "button secondary", on: { click: () => this.#load() } },
                    "Try again",
                ),
            );
        }
        if (timeline.isLoaded && !this.#isLoading) return null;
        if (timeline.isLoaded) return h(
            "p",
            { class: "list-loading" },
            h("span", { class: "spinner", "aria-hidden": "true" }),
            "Loading older messages…",
        );
        const bars = [72, 48, 88, 60, 40, 80];
        return h(
            "div",
            { class: "skeleton" },
            h("p", { class: "visually-hidden", role: "status" }, "Loading messages…"),
            bars.map((width) => h("div", { class: `skeleton-line w-${width}`, "aria-hidden": "true" }, h("i"), h("b"))),
        );
    }

    async #load() {
        const channel = this.#channel;
        if (channel === null || this.#isLoading) return;
        this.#isLoading = true;
        this.#problem = null;
        this.render();
        let problem = null;
        try {
            await this.loadOlder(channel);
        } catch (error) {
            problem = error.message;
        }
        if (this.#channel?.id !== channel.id) return;
        this.#isLoading = false;
        this.#problem = problem;
        this.#isPrepending = true;
        this.render();
        this.#isPrepending = false;
        if (problem === null) this.#scrolled();
    }

    #scrolled() {
        const { scrollTop, scrollHeight, clientHeight } = this.scroller;
        this.#isPinned = scrollHeight - scrollTop - clientHeight < atBottom;
        this.jump.hidden = this.#isPinned;
        if (this.#isPinned) this.sawBottom();
        const timeline = this.#channel === null ? null : this.world.timeline(this.#channel.id);
        const wantsMore = timeline?.isLoaded && !timeline.reachedStart && this.#problem === null;
        if (wantsMore && scrollTop < nearEdge) this.#load();
    }

    scrollToBottom() {
        this.scroller.scrollTop = this.scroller.scrollHeight;
        this.#isPinned = true;
        this.jump.hidden = true;
    }

    /** Shows one message, if it is among those read. */
    reveal(id) {
        const element = this.#rows.get(id)?.element;
        if (element === undefined) return false;
        element.scrollIntoView({ block: "center" });
        element.focus({ preventScroll: true });
        element.classList.remove("is-revealed");
        requestAnimationFrame(() => element.classList.add("is-revealed"));
        return true;
    }

    focusLast() {
        this.list.querySelector(".message:last-of-type")?.focus();
    }

    // Up and Down go from message to message.
    #moveFocus(event) {
        if (event.target.matches("textarea, input, select") || event.altKey || event.ctrlKey || event.metaKey) return;
        const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
        const current = event.target.closest(".message");
        if (step === undefined || current === null) return;
        const messages = [...this.list.querySelectorAll(".message")];
        const target = messages[messages.indexOf(current) + step];
        if (target === undefined) return;
        event.preventDefault();
        target.focus({ preventScroll: true });
        target.scrollIntoView({ block: "nearest" });
    }

    /** Opens the text of a message for change. `save(text)` rejects with what went wrong; `done()` follows the end. */
    edit(message, text, { save, done }) {
        this.endEdit();
        this.#editor = { id: message.id, text, save, done };
        const row = this.#rows.get(message.id);
        if (row !== undefined) this.#openEditor(row.element);
    }

    endEdit() {
        const editor = this.#editor;
        if (editor === null) return;
        this.#editor = null;
        const row = this.#rows.get(editor.id);
        if (row !== undefined) {
            row.revision = -1;
            this.render();
        }
        editor.done();
    }

    #openEditor(element) {
        const editor = this.#editor;
        const input = h(
            "textarea",
            { class: "edit-input", rows: "1", maxlength: "2000", "aria-label": "Edit message" },
        );
        input.value = editor.text;
        const problem = h("span", { class: "field-error", role: "alert" });
        const fit = () => {
            editor.text = input.value;
            input.style.height = "auto";
            input.style.height = `${input.scrollHeight + 2}px`;
        };
        const save = async () => {
            input.disabled = true;
            try {
                await editor.save(input.value.trim());
                this.endEdit();
            } catch (error) {
                input.disabled = false;
                problem.textContent = error.message;
                input.focus();
            }
        };
        input.addEventListener("input", fit);
        input.addEventListener("keydown", (event) => {
            event.stopPropagation();
            if (event.isComposing) return;
            if (event.key === "Escape") {
                event.preventDefault();
                this.endEdit();
            } else if (event.key === "Enter" && !event.shiftKey) {
                event.preventDefault();
                save();
            }
        });
        const button = (label, run) => h("button", { type: "button", class: "link-button", on: { click: run } }, label);
        const box = h(
            "div",
            { class: "edit-box" },
            input,
            h(
                "p",
                { class: "hint" },
                "Escape to ",
                button("cancel", () => this.endEdit()),
                " · Enter to ",
                button("save", save),
                " ",
                problem,
            ),
        );
        const content = element.querySelector(".content");
        if (content === null) element.querySelector(".message-body").append(box);
        else content.replaceWith(box);
        element.classList.add("is-editing");
        queueMicrotask(() => {
            fit();
            input.focus();
            input.setSelectionRange(input.value.length, input.value.length);
        });
    }
}
