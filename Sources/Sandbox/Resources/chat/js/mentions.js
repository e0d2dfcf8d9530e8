// "@name" as people write it, "<@id>" as the API has it. No DOM.

/** Turns each @username of a known member into a mention. The longest name wins. */
export function withMentions(content, members) {
    const ids = new Map(members.map(({ user }) => [user.username.toLowerCase(), user.id]));
    return content.replace(/(^|[^\w<@`])@([\w.]{2,32})/g, (whole, before, word) => {
        // A dot may end the sentence and not the name.
        for (let name = word; name.length >= 2; name = name.slice(0, -1)) {
            const id = ids.get(name.toLowerCase());
            if (id !== undefined) return `${before}<@${id}>${word.slice(name.length)}`;
            if (!name.endsWith(".")) break;
        }
        return whole;
    });
}

/** The other way, for editing. */
export function withNames(content, members) {
    const names = new Map(members.map(({ user }) => [user.id, user.username]));
    return content.replace(/<@!?(\d{1,20})>/g, (whole, id) => (names.has(id) ? `@${names.get(id)}` : whole));
}

/** The "@word" that ends at the caret: {from, word}, or null. */
export function mentionAt(text, caret) {
    const found = /(^|\s)@([\w.]{0,32})$/.exec(text.slice(0, caret));
    return found === null ? null : { from: caret - found[2].length - 1, word: found[2].toLowerCase() };
}
