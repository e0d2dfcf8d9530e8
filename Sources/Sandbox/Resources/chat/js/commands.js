// What the composer's "/" line means: which commands match, which option comes next, what to send. No DOM.

const subcommand = 1;
const subcommandGroup = 2;
const optionType = { string: 3, integer: 4, boolean: 5, number: 10 };
/** How an option's kind is told to people. */
export const optionKinds = {
    3: "text",
    4: "whole number",
    5: "true or false",
    6: "user id",
    7: "channel id",
    8: "role id",
    9: "user or role id",
    10: "number",
    11: "file",
};

/** Every way to call the commands: {path: ["config", "set"], command, description, options}. */
export function commandForms(commands) {
    const forms = [];
    for (const command of commands) {
        if ((command.type ?? 1) !== 1) continue;
        expand(command, [command.name], command, forms);
    }
    return forms.sort((a, b) => a.path.join(" ").localeCompare(b.path.join(" ")));
}

function expand(node, path, command, forms) {
    const options = node.options ?? [];
    const nested = options.filter((option) => option.type === subcommand || option.type === subcommandGroup);
    if (nested.length === 0) {
        forms.push({ path, command, description: node.description ?? "", options });
    }
    for (const option of nested) expand(option, [...path, option.name], command, forms);
}

/**
 * Reads a line that starts with "/".
 * {state: "choosing", matches} while the name is typed, {state: "unknown"}, or
 * {state: "filling", form, values, current, problem}: `current` is the option being written (null when all are given),
 * `problem` says why the line can't be sent yet (null when it can).
 */
export function readCommandLine(line, forms) {
    const text = line.slice(1);
    const form = forms
        .filter((candidate) => (text + " ").startsWith(candidate.path.join(" ") + " "))
        .sort((a, b) => b.path.length - a.path.length)[0];
    const name = form?.path.join(" ");
    if (form === undefined || (text === name && forms.some((other) => isLonger(other, name)))) {
        const typed = text.trimStart().toLowerCase();
        const matches = forms.filter((candidate) => candidate.path.join(" ").startsWith(typed));
        return matches.length > 0 ? { state: "choosing", matches } : { state: "unknown" };
    }
    return { state: "filling", form, ...readOptions(text.slice(name.length), form.options) };
}

const isLonger = (form, name) => form.path.join(" ").startsWith(name) && form.path.join(" ") !== name;

// `name:value` names an option; words before the first name fill the first option that has none.
function readOptions(text, options) {
    const values = new Map();
    const names = options.map((option) => option.name);
    const starts = [];
    const pattern = /(?:^|\s)([\p{L}\p{N}_-]{1,32}):/gu;
    for (const found of text.matchAll(pattern)) {
        if (names.includes(found[1]) && !starts.some((start) => start.name === found[1])) {
            starts.push({ name: found[1], from: found.index, to: found.index + found[0].length });
        }
    }
    const loose = text.slice(0, starts[0]?.from ?? text.length).trim();
    starts.forEach((start, index) => {
        const value = text.slice(start.to, starts[index + 1]?.from ?? text.length).trim();
        values.set(start.name, value);
    });
    let current = starts.length > 0 ? (options.find((option) => option.name === starts.at(-1).name) ?? null) : null;
    let problem = null;
    if (loose !== "") {
        const free = options.find((option) => !values.has(option.name));
        if (free === undefined) problem = `"${loose}" is not an option of this command`;
        else {
            values.set(free.name, loose);
            current ??= free;
        }
    }
    current ??= options.find((option) => !values.has(option.name)) ?? null;

    for (const option of options) {
        const value = values.get(option.name);
        if (value === undefined || value === "") {
            if (option.required) problem ??= `${option.name} is missing`;
        } else if (converted(option, value) === undefined) {
            problem ??= expectation(option);
        }
    }
    return { values, current, problem };
}

function expectation(option) {
    if (option.choices?.length > 0) {
        return `${option.name} must be one of ${option.choices.map((choice) => choice.name).join(", ")}`;
    }
    return `${option.name} must be a ${optionKinds[option.type] ?? "value"}`;
}

// The value as the API wants it; undefined when the words don't fit the option.
function converted(option, text) {
    if (option.choices?.length > 0) {
        const wanted = text.toLowerCase();
        return option.choices.find(
            (choice) => choice.name.toLowerCase() === wanted || String(choice.value).toLowerCase() === wanted,
        )?.value;
    }
    switch (option.type) {
        case optionType.integer: {
            const number = Number(text);
            return Number.isSafeInteger(number) && withinRange(option, number) ? number : undefined;
        }
        case optionType.number: {
            const number = Number(text);
            return Number.isFinite(number) && withinRange(option, number) ? number : undefined;
        }
        case optionType.boolean:
            return { true: true, yes: true, false: false, no: false }[text.toLowerCase()];
        case optionType.string:
            if (text.length < (option.min_length ?? 0) || text.length > (option.max_length ?? 6000)) return undefined;
            return text;
        case 6:
        case 7:
        case 8:
        case 9:
            return /^(?:<(?:@[!&]?|#))?(\d{1,20})>?$/.exec(text)?.[1];
        default:
            return undefined;
    }
}

const withinRange = (option, number) =>
    number >= (option.min_value ?? -Infinity) && number <= (option.max_value ?? Infinity);

/** The body of POST /interactions for a filled line. */
export function commandInteraction({ form, values }, { guildID, channelID, nonce }) {
    let options = form.options
        .filter((option) => (values.get(option.name) ?? "") !== "")
        .map((option) => ({ name: option.name, type: option.type, value: converted(option, values.get(option.name)) }));
    for (let index = form.path.length - 1; index >= 1; index -= 1) {
        const isGroup = index === 1 && form.path.length === 3;
        options = [{ name: form.path[index], type: isGroup ? subcommandGroup : subcommand, options }];
    }
    const { command } = form;
    return {
        type: 2,
        application_id: command.application_id,
        guild_id: guildID,
        channel_id: channelID,
        nonce,
        data: { id: command.id, name: command.name, type: 1, options },
    };
}
