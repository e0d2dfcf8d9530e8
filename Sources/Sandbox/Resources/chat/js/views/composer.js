import { avatar, h, iconButton, replaceChildren } from "../dom.js";
import { optionKinds, readCommandLine } from "../commands.js";
import { mentionAt } from "../mentions.js";
import { authorName, preview } from "./message-view.js";

const longest = 2000;
const warnAt = 1800;
const shownSuggestions = 8;

/** Where messages and slash commands are written. */
export class Composer {
    #suggestions = [];
    #active = 0;
    #reply = null;
    #isDismissed = false;

    /**
     * `send(text, reply)` and `run(line)` act; `typing()` is told of each change; `editLast()` answers whether it
     * opened one; `commands()` and `members()` give what can be completed; `say` speaks to screen readers.
     */
    constructor({ send, run, typing, editLast, commands, members, context, say }) {
        Object.assign(this, { send, run, typing, editLast, commands, members, context, say });
        this.input = h("textarea", {
            id: "composer",
            class: "composer-input",
            rows: "1",
            maxlength: String(longest * 2),
            autocomplete: "off",
            "aria-autocomplete": "list",
            "aria-controls": "suggestions",
            "aria-describedby": "composer-hint",
        });
        this.list = h(
            "ul",
            { class: "suggestions", id: "suggestions", role: "listbox", "aria-label": "Suggestions", hidden: true },
        );
        this.hint = h("p", { class: "composer-hint", id: "composer-hint" });
        this.replyBar = h("div", { class: "reply-bar", hidden: true });
        this.counter = h("span", { class: "counter", "aria-live": "polite" });
        this.sendButton = iconButton("send", "Send", () => this.#submit(), { class: "send" });
        this.element = h(
            "div",
            { class: "composer" },
            this.list,
            this.hint,
            h(
                "div",
                { class: "composer-box" },
                this.replyBar,
                h(
                    "div",
                    { class: "composer-row" },
                    iconButton("slash", "Bot commands", () => this.insertText("/")),
                    this.input,
                    this.counter,
                    this.sendButton,
                ),
            ),
        );
        this.input.addEventListener("input", () => {
            this.#isDismissed = false;
            this.#changed();
            if (this.input.value !== "" && !this.input.value.startsWith("/")) this.typing();
        });
        this.input.addEventListener("keydown", (event) => this.#key(event));
        this.input.addEventListener("blur", () => this.#close());
        this.input.addEventListener("focus", () => this.#changed());
    }

    show(channel) {
        this.input.disabled = channel === null;
        this.input.placeholder = channel === null ? "" : `Message #${channel.name}`;
        this.input.setAttribute("aria-label", channel === null ? "Message" : `Message #${channel.name}`);
        this.replyTo(null);
        this.#changed();
    }

    focus() {
        this.input.focus();
    }

    replyTo(message) {
        this.#reply = message;
        this.replyBar.hidden = message === null;
        if (message === null) return replaceChildren(this.replyBar);
        const name = authorName(message, this.context());
        replaceChildren(
            this.replyBar,
            h(
                "span",
                { class: "reply-bar-text" },
                "Replying to ",
                h("strong", {}, name),
                h("span", { class: "reply-text" }, preview(message)),
            ),
            iconButton("close", "Stop replying", () => this.replyTo(null)),
        );
        this.focus();
    }

    insertText(text) {
        const { selectionStart, selectionEnd, value } = this.input;
        const gap = selectionStart > 0 && !/\s/.test(value[selectionStart - 1]) ? " " : "";
        this.input.setRangeText(gap + text, selectionStart, selectionEnd, "end");
        this.focus();
        this.#changed();
    }

    #key(event) {
        if (event.isComposing) return;
        const isOpen = this.#suggestions.length > 0;
        if (isOpen && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
            event.preventDefault();
            const step = event.key === "ArrowDown" ? 1 : -1;
            this.#active = (this.#active + step + this.#suggestions.length) % this.#suggestions.length;
            this.#draw();
        } else if (isOpen && (event.key === "Tab" || (event.key === "Enter" && !event.shiftKey))) {
            event.preventDefault();
            this.#accept(this.#suggestions[this.#active]);
        } else if (event.key === "Escape") {
            if (isOpen) this.#close();
            else if (this.#reply !== null) this.replyTo(null);
            this.#isDismissed = true;
            event.stopPropagation();
        } else if (event.key === "Enter" && !event.shiftKey) {
            event.preventDefault();
            this.#submit();
        } else if (event.key === "ArrowUp" && this.input.value === "" && this.editLast()) {
            event.preventDefault();
        }
    }

    #submit() {
        const text = this.input.value.trim();
        if (text === "" || this.input.disabled) return;
        if (text.startsWith("/") && this.commands().length > 0) {
            const line = readCommandLine(text, this.commands());
            if (line.state === "unknown") return this.#refuse("There is no such command here.");
            if (line.state === "choosing") return this.#refuse("Choose a command from the list.");
            if (line.problem !== null) return this.#refuse(line.problem);
            this.#clear();
            this.run(line);
            return;
        }
        if (text.length > longest) return this.#refuse(
            `A message can have ${longest} characters; this one has ${text.length}.`,
        );
        const reply = this.#reply;
        this.#clear();
        this.send(text, reply);
    }

    #refuse(problem) {
        this.hint.textContent = problem;
        this.hint.classList.add("is-problem");
        this.say(problem);
    }

    #clear() {
        this.input.value = "";
        this.replyTo(null);
        this.#changed();
        this.focus();
    }

    #changed() {
        const { value } = this.input;
        this.input.style.height = "auto";
        this.input.style.height = `${this.input.scrollHeight}px`;
        this.counter.textContent = value.length > warnAt ? String(longest - value.length) : "";
        this.counter.classList.toggle("is-over", value.length > longest);
        this.sendButton.disabled = value.trim() === "";
        this.hint.classList.remove("is-problem");
        this.#active = 0;
        this.#suggest();
    }

    #suggest() {
        const { value, selectionStart } = this.input;
        let hint = "";
        this.#suggestions = [];
        if (document.activeElement === this.input && !this.#isDismissed) {
            if (value.startsWith("/") && !value.includes("\n")) {
                const line = readCommandLine(value, this.commands());
                const matches = line.state === "choosing" ? line.matches.slice(0, shownSuggestions) : [];
                if (line.state === "choosing") this.#suggestions = matches.map(commandSuggestion);
                else if (line.state === "filling") ({
                    hint,
                    suggestions: this.#suggestions,
                } = this.#optionHelp(line, value));
                else hint = this.commands().length > 0 ? "No such command here." : "The bots here have no commands.";
            } else {
                const mention = mentionAt(value, selectionStart);
                if (mention !== null) this.#suggestions = this.#memberSuggestions(mention);
            }
        }
        this.hint.textContent = hint;
        this.#draw();
        if (this.#suggestions.length > 0) this.say(`${this.#suggestions.length} suggestions`);
    }

    #optionHelp({ form, values, current, problem }, value) {
        const choices = current?.choices ?? [];
        const typed = (values.get(current?.name) ?? "").toLowerCase();
        const isGiven = choices.some((choice) => choice.name.toLowerCase() === typed);
        const before = (typed === "" ? value : value.slice(0, value.length - typed.length)).replace(/\s*$/, " ");
        const prefix = value.includes(`${current?.name}:`) ? "" : `${current?.name}:`;
        const suggestions = isGiven
            ? []
            : choices
                  .filter((choice) => choice.name.toLowerCase().startsWith(typed))
                  .slice(0, shownSuggestions)
                  .map((choice) => ({
                      title: choice.name,
                      note: current.name,
                      apply: () => `${before}${prefix}${choice.name} `,
                  }));
        const parts = form.options.map((option) => (option.required ? option.name : `[${option.name}]`));
        const usage = `/${form.path.join(" ")} ${parts.join(" ")}`.trim();
        const about = current === null ? "" : current.description || optionKinds[current.type] || "";
        const help = current === null ? "" : ` · ${current.name}: ${about}`;
        const ready = problem === null ? " · Enter runs it" : "";
        return { hint: usage + help + ready, suggestions };
    }

    #memberSuggestions({ from, word }) {
        const { value } = this.input;
        return this.members()
            .filter(
                ({ user, nick }) => [
                    user.username,
                    user.global_name,
                    nick,
                ].some((name) => name?.toLowerCase().startsWith(word)),
            )
            .slice(0, shownSuggestions)
            .map(({ user, nick }) => ({
                picture: avatar(user, nick || user.global_name || user.username, "tiny"),
                title: nick || user.global_name || user.username,
                note: `@${user.username}`,
                apply: () => `${value.slice(0, from)}@${user.username} ${value.slice(from + 1 + word.length)}`,
            }));
    }

    #accept(suggestion) {
        this.input.value = suggestion.apply();
        this.input.setSelectionRange(this.input.value.length, this.input.value.length);
        this.focus();
        this.#changed();
    }

    #draw() {
        const isOpen = this.#suggestions.length > 0;
        this.list.hidden = !isOpen;
        replaceChildren(
            this.list,
            this.#suggestions.map((suggestion, index) =>
                h(
                    "li",
                    {
                        id: `suggestion-${index}`,
                        role: "option",
                        class: "suggestion",
                        "aria-selected": String(index === this.#active),
                        // Before blur, which would close the list.
                        on: {
                            pointerdown: (event) => {
                                event.preventDefault();
                                this.#accept(suggestion);
                            },
                        },
                    },
                    suggestion.picture,
                    h("span", { class: "suggestion-title" }, suggestion.title),
                    h("span", { class: "suggestion-note" }, suggestion.note),
                ),
            ),
        );
        if (isOpen) this.input.setAttribute("aria-activedescendant", `suggestion-${this.#active}`);
        else this.input.removeAttribute("aria-activedescendant");
        this.list.children[this.#active]?.scrollIntoView({ block: "nearest" });
    }

    #close() {
        this.#suggestions = [];
        this.#draw();
    }
}

function commandSuggestion(form) {
    const parts = form.options.map((option) => (option.required ? option.name : `[${option.name}]`));
    return {
        title: `/${form.path.join(" ")}`,
        note: [form.description, parts.join(" ")].filter(Boolean).join(" · "),
        apply: () => `/${form.path.join(" ")} `,
    };
}
