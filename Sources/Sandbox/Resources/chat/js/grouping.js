// Which messages stand together under one author line, and where a new day begins. No DOM.

const groupSpan = 7 * 60 * 1000;
const groupedTypes = new Set([0, 20]); // DEFAULT, CHAT_INPUT_COMMAND

/**
 * The rows of a message list, oldest message first:
 * {kind: "day", key, date} before the first message of each local day, and
 * {kind: "message", key, message, startsGroup}.
 */
export function messageRows(messages) {
    const rows = [];
    let previous = null;
    for (const message of messages) {
        const date = new Date(message.timestamp);
        const day = dayKey(date);
        const isNewDay = previous === null || previous.day !== day;
        if (isNewDay) rows.push({ kind: "day", key: `day-${day}`, date });
        const startsGroup = isNewDay || !continues(previous.message, message);
        rows.push({ kind: "message", key: message.id, message, startsGroup });
        previous = { message, day };
    }
    return rows;
}

function continues(previous, message) {
    return (
        groupedTypes.has(previous.type ?? 0) &&
        (message.type ?? 0) === 0 &&
        !message.message_reference &&
        !message.interaction_metadata &&
        (message.webhook_id ?? null) === (previous.webhook_id ?? null) &&
        previous.author.id === message.author.id &&
        previous.author.username === message.author.username &&
        Date.parse(message.timestamp) - Date.parse(previous.timestamp) < groupSpan
    );
}

function dayKey(date) {
    return `${date.getFullYear()}-${date.getMonth() + 1}-${date.getDate()}`;
}
