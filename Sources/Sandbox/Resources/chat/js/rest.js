// Requests to the sandbox's Discord-compatible REST API on this origin.

const root = "/api/v10";
const deadline = 15_000;
const longestWait = 10_000;
const mostRetries = 3;

/** A refusal or a failure: `status` is 0 when no answer came; `fields` has Discord's messages by input name. */
export class RestError extends Error {
    constructor({ status, code = 0, message, fields = {} }) {
        super(message);
        this.name = "RestError";
        this.status = status;
        this.code = code;
        this.fields = fields;
    }
}

export class RestClient {
    /** `unauthorized` is called when the server no longer knows the token. */
    constructor({ token = null, unauthorized = () => {} } = {}) {
        this.token = token;
        this.unauthorized = unauthorized;
    }

    get = (path, options) => this.request("GET", path, undefined, options);
    post = (path, body, options) => this.request("POST", path, body, options);
    patch = (path, body, options) => this.request("PATCH", path, body, options);
    put = (path, body, options) => this.request("PUT", path, body, options);
    delete = (path, options) => this.request("DELETE", path, undefined, options);

    /** The decoded answer; null for 204. Waits out short 429s. Throws RestError, or AbortError from `signal`. */
    async request(method, path, body, { signal, retries = 0 } = {}) {
        const headers = {};
        if (this.token !== null) headers.authorization = this.token;
        if (body !== undefined) headers["content-type"] = "application/json";
        const limit = AbortSignal.timeout(deadline);
        let response;
        let answer;
        try {
            response = await fetch(root + path, {
                method,
                headers,
                body: body === undefined ? undefined : JSON.stringify(body),
                signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
                credentials: "omit",
            });
            answer = response.status === 204 ? null : decode(await response.text());
        } catch (error) {
            if (signal?.aborted) throw error;
            const message = limit.aborted ? "The server took too long to answer." : "The server could not be reached.";
            throw new RestError({ status: 0, message });
        }
        if (response.ok) return answer;

        const wait = Number(answer?.retry_after) * 1000;
        if (response.status === 429 && retries < mostRetries && wait <= longestWait) {
            await new Promise((resolve) => setTimeout(resolve, wait));
            return this.request(method, path, body, { signal, retries: retries + 1 });
        }
        if (response.status === 401 && this.token !== null) this.unauthorized();
        throw new RestError({
            status: response.status,
            code: answer?.code ?? 0,
            message: explain(response.status, answer),
            fields: fieldErrors(answer?.errors),
        });
    }
}

function decode(text) {
    try {
        return JSON.parse(text);
    } catch {
        return null;
    }
}

function explain(status, answer) {
    if (status === 429) return "You are doing that too often. Wait a moment.";
    if (status >= 500) return `The server had a problem (${status}).`;
    const first = Object.values(fieldErrors(answer?.errors))[0];
    return first ?? answer?.message ?? `The server refused (${status}).`;
}

// Discord's errors are a tree whose leaves are {_errors: [{code, message}]}; the key is the path joined by dots.
function fieldErrors(tree, path = [], found = {}) {
    if (typeof tree !== "object" || tree === null) return found;
    for (const [key, value] of Object.entries(tree)) {
        if (key === "_errors") {
            if (Array.isArray(value) && value[0]?.message) found[path.join(".")] = String(value[0].message);
        } else {
            fieldErrors(value, [...path, key], found);
        }
    }
    return found;
}
