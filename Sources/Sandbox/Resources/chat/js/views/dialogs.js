import { h, openDialog } from "../dom.js";

/**
 * Asks for one name and runs `act(name, more)`; a refusal is shown in the dialog. `extra` is a second, free field.
 * What `act` resolves to is called once the dialog is closed.
 */
export function askName({ title, label, placeholder = "", extra = null, button, act, clean = (text) => text.trim() }) {
    const input = h(
        "input",
        {
            id: "ask-name",
            required: true,
            maxlength: "100",
            placeholder,
            autocomplete: "off",
            "aria-describedby": "ask-problem",
        },
    );
    const more = extra === null ? null : h("input", { id: "ask-more", maxlength: "1024", autocomplete: "off" });
    const problem = h("p", { class: "field-error", id: "ask-problem", role: "alert" });
    const submit = h("button", { type: "submit", class: "button primary" }, button);
    const form = h(
        "form",
        { novalidate: true },
        h("label", { for: "ask-name" }, label),
        input,
        more && [h("label", { for: "ask-more" }, extra), more],
        problem,
        h(
            "div",
            { class: "dialog-actions" },
            h("button", { type: "button", class: "button secondary", on: { click: () => dialog.close() } }, "Cancel"),
            submit,
        ),
    );
    const dialog = openDialog(title, form);
    input.focus();
    form.addEventListener("submit", async (event) => {
        event.preventDefault();
        const name = clean(input.value);
        if (name === "") {
            problem.textContent = "Write a name first.";
            input.focus();
            return;
        }
        submit.disabled = true;
        try {
            const after = await act(name, more?.value.trim() ?? "");
            dialog.close();
            after?.();
        } catch (error) {
            problem.textContent = error.fields?.name ?? error.message;
            input.setAttribute("aria-invalid", "true");
            input.focus();
        } finally {
            submit.disabled = false;
        }
    });
}

/** Resolves with whether the person agreed. */
export function confirmAction({ title, detail, button }) {
    return new Promise((resolve) => {
        const yes = h("button", { type: "button", class: "button danger", autofocus: true }, button);
        const no = h("button", { type: "button", class: "button secondary" }, "Cancel");
        const dialog = openDialog(title, detail, h("div", { class: "dialog-actions" }, no, yes));
        let answer = false;
        yes.addEventListener("click", () => {
            answer = true;
            dialog.close();
        });
        no.addEventListener("click", () => dialog.close());
        dialog.addEventListener("close", () => resolve(answer));
    });
}

const reactionChoices = ["👍", "👎", "❤️", "😂", "🎉", "😮", "😢", "🙏", "🔥", "👀", "✅", "❌", "🚀", "⚓", "🐟", "⭐"];

/** A palette beside `anchor`; `pick(emoji)` follows a choice. */
export function pickEmoji(anchor, pick) {
    const palette = h(
        "div",
        { class: "palette", popover: "auto", role: "group", "aria-label": "Choose a reaction" },
        reactionChoices.map((emoji) =>
            h(
                "button",
                {
                    type: "button",
                    "aria-label": emoji,
                    on: {
                        click: () => {
                            palette.hidePopover();
                            pick({ id: null, name: emoji });
                        },
                    },
                },
                emoji,
            ),
        ),
    );
    document.body.append(palette);
    palette.showPopover();
    const from = anchor.getBoundingClientRect();
    const size = palette.getBoundingClientRect();
    palette.style.left = `${Math.max(8, Math.min(from.right - size.width, innerWidth - size.width - 8))}px`;
    const above = from.top - size.height - 8;
    palette.style.top = `${above > 8 ? above : Math.min(from.bottom + 8, innerHeight - size.height - 8)}px`;
    palette.firstChild.focus();
    palette.addEventListener("toggle", (event) => {
        if (event.newState === "closed") palette.remove();
    });
    palette.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 8, ArrowUp: -8 }[event.key];
        if (step === undefined) return;
        event.preventDefault();
        const buttons = [...palette.children];
        const index = (buttons.indexOf(document.activeElement) + step + buttons.length) % buttons.length;
        buttons[index].focus();
    });
}
