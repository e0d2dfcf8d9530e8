import { h, icon, replaceChildren } from "../dom.js";

const demoAccounts = ["alice", "bob"];

/** The page before log-in. `logIn(login, password)` and `register(login, password)` reject with RestError. */
export function loginView({ logIn, register, notice }) {
    let isNew = false;
    const heading = h("h1");
    const lead = h("p", { class: "login-lead" });
    const login = h("input", {
        id: "login",
        name: "login",
        autocomplete: "username",
        autocapitalize: "none",
        spellcheck: "false",
        required: true,
        maxlength: "32",
        "aria-describedby": "login-error",
    });
    const password = h("input", {
        id: "password",
        name: "password",
        type: "password",
        autocomplete: "current-password",
        required: true,
        maxlength: "128",
        "aria-describedby": "password-error",
    });
    const loginError = h("p", { class: "field-error", id: "login-error" });
    const passwordError = h("p", { class: "field-error", id: "password-error" });
    const problem = h("p", { class: "form-error", role: "alert" }, notice);
    const submit = h("button", { type: "submit", class: "button primary wide" });
    const swap = h("button", { type: "button", class: "link-button" });
    const swapText = h("span");
    const demo = h(
        "p",
        { class: "login-demo" },
        "Demo accounts ",
        demoAccounts.map((name) =>
            h(
                "button",
                {
                    type: "button",
                    class: "chip",
                    on: { click: () => fill(name) },
                    "aria-label": `Fill in demo account ${name}`,
                },
                name,
            ),
        ),
        h("span", {}, "password ", h("code", {}, "flotilla")),
    );

    const form = h(
        "form",
        { class: "login-card", novalidate: true },
        h("div", { class: "login-mark" }, icon("anchor")),
        heading,
        lead,
        problem,
        h("label", { for: "login" }, "Account"),
        login,
        loginError,
        h("label", { for: "password" }, "Password"),
        password,
        passwordError,
        submit,
        h("p", { class: "login-swap" }, swapText, " ", swap),
        demo,
    );

    function show() {
        heading.textContent = isNew ? "Create an account" : "Welcome aboard";
        lead.textContent = isNew
            ? "Accounts live in this sandbox only."
            : "Log in to the sandbox and talk to your fleet of bots.";
        submit.textContent = isNew ? "Create account" : "Log in";
        swapText.textContent = isNew ? "Have an account?" : "New here?";
        swap.textContent = isNew ? "Log in" : "Create an account";
        password.autocomplete = isNew ? "new-password" : "current-password";
        demo.hidden = isNew;
    }

    function fill(name) {
        login.value = name;
        password.value = "flotilla";
        submit.focus();
    }

    function showErrors(fields = {}, message = "") {
        for (const [input, line, key] of [
            [login, loginError, "login"],
            [password, passwordError, "password"],
        ]) {
            line.textContent = fields[key] ?? "";
            input.setAttribute("aria-invalid", String(key in fields));
        }
        problem.textContent = message;
        if ("login" in fields) login.focus();
        else if ("password" in fields) password.focus();
    }

    swap.addEventListener("click", () => {
        isNew = !isNew;
        showErrors();
        show();
        login.focus();
    });

    form.addEventListener("submit", async (event) => {
        event.preventDefault();
        const empty = {};
        if (login.value.trim() === "") empty.login = "Write the name of your account.";
        if (password.value === "") empty.password = "Write your password.";
        if (Object.keys(empty).length > 0) return showErrors(empty);
        showErrors();
        submit.disabled = true;
        replaceChildren(
            submit,
            h("span", { class: "spinner", "aria-hidden": "true" }),
            isNew ? "Creating…" : "Logging in…",
        );
        try {
            await (isNew ? register : logIn)(login.value.trim(), password.value);
        } catch (error) {
            const hasFields = Object.keys(error.fields ?? {}).length > 0;
            showErrors(error.fields, hasFields ? "" : error.message);
        } finally {
            submit.disabled = false;
            show();
        }
    });

    show();
    queueMicrotask(() => login.focus());
    return h("main", { class: "login" }, form);
}
