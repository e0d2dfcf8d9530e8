"""What the client scripts share: settings, a person at the sandbox's REST API, deadlines, and the result line."""

import asyncio
import base64
import os
import sys
import time
import traceback

import aiohttp

STEP_SECONDS = 15.0
TOTAL_SECONDS = 60.0
ECHO_TEXT = "tide and time"
HELLO_ANSWER = "Hello from {client}"


def setting(name, default=None):
    value = os.environ.get(name, default)
    if not value:
        print(f"{name} is not set", file=sys.stderr)
        sys.exit(64)
    return value


class Settings:
    """SANDBOX_REST such as http://127.0.0.1:8080/api/v10, BOT_TOKEN; SANDBOX_GATEWAY is asked for when unset."""

    def __init__(self):
        self.rest = setting("SANDBOX_REST").rstrip("/")
        self.gateway = os.environ.get("SANDBOX_GATEWAY", "")
        self.token = setting("BOT_TOKEN")
        self.login = setting("SANDBOX_LOGIN", "alice")
        self.password = setting("SANDBOX_PASSWORD", "flotilla")
        self.guild = setting("SANDBOX_GUILD", "Harbor")
        self.channel = setting("SANDBOX_CHANNEL", "general")

    @property
    def bot_id(self):
        first = self.token.split(".")[0]
        return base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)).decode()


class Person:
    """A human account that uses plain REST, as the chat page does."""

    def __init__(self, settings):
        self.settings = settings
        self.token = None
        self.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=STEP_SECONDS))

    async def close(self):
        await self.session.close()

    async def call(self, method, path, body=None):
        headers = {"Authorization": self.token} if self.token else {}
        async with self.session.request(method, self.settings.rest + path, json=body, headers=headers) as response:
            if response.status >= 400:
                raise AssertionError(f"{method} {path}: {response.status} {await response.text()}")
            return None if response.status == 204 else await response.json()

    async def log_in(self):
        credentials = {"login": self.settings.login, "password": self.settings.password}
        self.token = (await self.call("POST", "/auth/login", credentials))["token"]

    async def gateway_url(self):
        return self.settings.gateway or (await self.call("GET", "/gateway"))["url"]

    async def channel(self):
        """The guild and channel that the test talks in, by their names."""
        guilds = await self.call("GET", "/users/@me/guilds")
        guild = named(self.settings.guild, guilds)
        return guild, named(self.settings.channel, await self.call("GET", f"/guilds/{guild}/channels"))

    async def say(self, channel, text):
        return await self.call("POST", f"/channels/{channel}/messages", {"content": text})

    async def command(self, guild, channel, name, value):
        """Sends /name text:value as soon as the command is in the guild's index."""

        async def find():
            index = await self.call("GET", f"/guilds/{guild}/application-command-index")
            for command in index["application_commands"]:
                if command["name"] == name and command["application_id"] == self.settings.bot_id:
                    return command
            return None

        command = await until(f"/{name} is registered", find)
        await self.call(
            "POST",
            "/interactions",
            {
                "type": 2,
                "application_id": command["application_id"],
                "guild_id": guild,
                "channel_id": channel,
                "nonce": str(time.time_ns() // 1000),
                "data": {
                    "id": command["id"],
                    "name": name,
                    "type": 1,
                    "options": [{"name": "text", "type": 3, "value": value}],
                },
            },
        )

    async def answer(self, channel, after, text):
        """Waits until the bot's message with this text stands in the channel's history."""

        async def find():
            for message in await self.call("GET", f"/channels/{channel}/messages?after={after}&limit=50"):
                if message["author"]["id"] == self.settings.bot_id and message["content"] == text:
                    return message
            return None

        return await until(f"the answer {text!r}", find)


def named(name, things):
    for thing in things:
        if thing["name"] == name:
            return thing["id"]
    raise AssertionError(f"nothing is named {name!r} in {[thing['name'] for thing in things]}")


async def until(what, find):
    """The first result of `find` that is not None; it is asked again until the step's deadline."""
    deadline = time.monotonic() + STEP_SECONDS
    while True:
        found = await find()
        if found is not None:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {STEP_SECONDS:.0f} s for {what}")
        await asyncio.sleep(0.05)


async def step(what, event):
    try:
        await asyncio.wait_for(event.wait(), STEP_SECONDS)
    except asyncio.TimeoutError:
        raise AssertionError(f"waited {STEP_SECONDS:.0f} s for {what}") from None
    print(f"ok: {what}", flush=True)


class Progress:
    """What the bot has seen; its event handlers set these."""

    def __init__(self):
        self.ready = asyncio.Event()
        self.guild = asyncio.Event()
        self.registered = asyncio.Event()
        self.message = asyncio.Event()
        self.interaction = asyncio.Event()
        # The library took the sandbox's reply to its callback as a success.
        self.answered = asyncio.Event()


async def drive(client, person, progress):
    """The person's side of the test, the same for each client library."""
    await step("the bot is ready", progress.ready)
    await step("GUILD_CREATE arrived", progress.guild)
    await step("/echo is registered", progress.registered)
    guild, channel = await person.channel()

    said = await person.say(channel, "!hello")
    await step("the bot received the message", progress.message)
    await person.answer(channel, said["id"], HELLO_ANSWER.format(client=client))
    print("ok: the message is answered", flush=True)

    await person.command(guild, channel, "echo", ECHO_TEXT)
    await step("the bot received the interaction", progress.interaction)
    await step("the bot's callback succeeded", progress.answered)
    await person.answer(channel, said["id"], ECHO_TEXT)
    print("ok: the slash command is answered", flush=True)


def run(client, test):
    """Runs `test(settings, person, progress)` under a deadline, prints the result line, exits 0 or 1."""

    async def whole():
        settings = Settings()
        person = Person(settings)
        try:
            await person.log_in()
            await asyncio.wait_for(test(settings, person, Progress()), TOTAL_SECONDS)
        finally:
            await person.close()

    failed = 0
    try:
        asyncio.run(whole())
    except (Exception, asyncio.TimeoutError):
        failed = 1
        traceback.print_exc()
    print(f"{client}: {1 - failed} passed, {failed} failed", flush=True)
    sys.exit(failed)


async def beside(bot, driver):
    """Runs the bot until the driver is done; a bot that ends first is a failure."""
    bot = asyncio.ensure_future(bot)
    driver = asyncio.ensure_future(driver)
    try:
        done, _ = await asyncio.wait({bot, driver}, return_when=asyncio.FIRST_COMPLETED)
        if driver in done:
            await driver
            return
        await bot
        raise AssertionError("the bot stopped before the test was done")
    finally:
        for task in (bot, driver):
            task.cancel()
        await asyncio.gather(bot, driver, return_exceptions=True)
