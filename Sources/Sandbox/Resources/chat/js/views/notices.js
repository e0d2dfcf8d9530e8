import { h, iconButton } from "../dom.js";

const shownFor = 6_000;
const mostShown = 3;

/** Short messages at the edge of the page, and words for screen readers only. */
export class Notices {
    constructor() {
        this.stack = h("div", { class: "notices", role: "status" });
        this.speech = h("div", { class: "visually-hidden", "aria-live": "polite" });
        this.element = h("div", {}, this.stack, this.speech);
    }

    show(text, kind = "error") {
        const notice = h("div", { class: `notice ${kind}` }, h("span", {}, text));
        const remove = () => notice.remove();
        notice.append(iconButton("close", "Dismiss", remove));
        this.stack.append(notice);
        while (this.stack.children.length > mostShown) this.stack.firstChild.remove();
        setTimeout(remove, shownFor);
    }

    say(text) {
        const line = h("p", {}, text);
        this.speech.append(line);
        while (this.speech.children.length > 5) this.speech.firstChild.remove();
    }
}
