"""Logs in on the sandbox's chat page, types !ping and wants the answer within a second.

CHAT_URL (http://127.0.0.1:8080/), CHAT_COMMAND (!ping), CHAT_ANSWER (Pong), CHAT_LOGIN, CHAT_PASSWORD, SHOTS (folder).
With CHAT_ANSWER=- nobody has to answer: the page alone is tested. CHAT_LINES (0) is how many messages to write for the
test of history, which begins to matter at 51; Discord's rate limits make it one second for each.
"""

import time

import browser

URL = browser.setting("CHAT_URL", "http://127.0.0.1:8080/")
COMMAND = browser.setting("CHAT_COMMAND", "!ping")
ANSWER = browser.setting("CHAT_ANSWER", "Pong")
LOGIN = browser.setting("CHAT_LOGIN", "alice")
PASSWORD = browser.setting("CHAT_PASSWORD", "flotilla")
SHOTS = browser.setting("SHOTS", ".flotilla/screenshots")
LINES = int(browser.setting("CHAT_LINES", "0"))
ANSWER_MILLISECONDS = 1_000
PAGE = 50


def log_in(page, login, password):
    page.goto(URL)
    page.get_by_label("Account", exact=True).fill(login)
    page.get_by_label("Password", exact=True).fill(password)
    page.keyboard.press("Enter")


def say(page, text):
    page.locator("#composer").fill(text)
    page.keyboard.press("Enter")


def message(page, text):
    return page.locator(".message:not(.is-sending, .is-failed)", has_text=text)


def test(checks):
    with browser.pages(SHOTS) as open_page:
        # axe needs a script of its own in the page, which the policy forbids; every other page keeps the policy.
        looked = open_page(bypass_csp=True, color_scheme="dark")
        log_in(looked, LOGIN, "wrong password")
        looked.locator(".field-error:not(:empty), .form-error:not(:empty)").first.wait_for()
        checks.check("a wrong password is told")
        checks.accessible(looked, "the log-in page")
        looked.screenshot(path=f"{SHOTS}/chat-login.png")
        log_in(looked, LOGIN, PASSWORD)
        looked.get_by_text("Connected", exact=True).wait_for()
        looked.locator(".channel-start, .message").first.wait_for()
        checks.accessible(looked, "the chat page")
        looked.context.close()

        page = open_page()
        log_in(page, LOGIN, PASSWORD)
        page.get_by_text("Connected", exact=True).wait_for()
        page.get_by_role("button", name="general").first.click()
        page.locator(".channel-start, .message").first.wait_for()
        checks.check("the person is logged in and sees a channel")

        if ANSWER != "-":
            answers = page.locator(".message", has=page.locator(".tag"), has_text=ANSWER)
            before = answers.count()
            start = time.monotonic()
            say(page, COMMAND)
            answers.nth(before).wait_for()
            taken = (time.monotonic() - start) * 1000
            page.screenshot(path=f"{SHOTS}/chat-ping.png")
            checks.check(f"{COMMAND} was answered in {taken:.0f} ms", taken <= ANSWER_MILLISECONDS)

        other = open_page(viewport={"width": 390, "height": 780}, has_touch=True)
        log_in(other, "bob", PASSWORD)
        other.locator("#composer").wait_for()
        mark = f"**tide** {time.time_ns()}"
        words = mark.replace("**", "")
        say(page, mark)
        message(other, words).wait_for()
        checks.check("another person sees a message at once", message(other, words).locator("strong").count() == 1)
        hostile = f"<img src=x onerror=alert(1)> {time.time_ns()}"
        say(page, hostile)
        message(other, hostile).wait_for()
        checks.check("markup in a message stays text", message(other, hostile).locator("img").count() == 0)
        other.screenshot(path=f"{SHOTS}/chat-phone.png")

        own = message(page, words)
        own.hover()
        own.get_by_label("Edit", exact=True).click()
        page.get_by_label("Edit message").fill(f"{words} edited")
        page.keyboard.press("Enter")
        message(other, f"{words} edited (edited)").wait_for()
        checks.check("an edit reaches the other person")
        own = message(page, words)
        own.hover()
        own.get_by_label("Delete", exact=True).click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        message(other, words).wait_for(state="detached")
        checks.check("a deletion reaches the other person")

        page.locator("#composer").press_sequentially("hello")
        other.get_by_text("is typing…").wait_for()
        checks.check("typing is shown to the other person")
        page.locator("#composer").fill("")

        name = f"reef-{time.time_ns() % 100_000}"
        page.get_by_label("Create a channel").click()
        page.get_by_label("Name", exact=True).fill(name)
        page.keyboard.press("Enter")
        page.get_by_role("heading", name=f"Welcome to #{name}").wait_for()
        checks.check("a channel is created and opened")
        if LINES > 0:
            for line in range(LINES):
                say(page, f"line {line}.")
            last = f"line {LINES - 1}."
            message(page, last).wait_for(timeout=browser.STEP_MILLISECONDS + LINES * 1_500)
            page.reload()
            message(page, last).wait_for()
            shown = page.locator(".message").count()
            checks.check("a reload comes back to the channel, with one page of history", shown == min(LINES, PAGE))
            page.locator(".scroller").evaluate("(element) => { element.scrollTop = 0; }")
            page.get_by_role("heading", name=f"Welcome to #{name}").wait_for()
            checks.check("scrolling up brings the rest", page.locator(".message").count() == LINES)
        page.screenshot(path=f"{SHOTS}/chat-light.png")
        checks.clean(page)
        checks.clean(other)


if __name__ == "__main__":
    browser.run("chat page", test)
