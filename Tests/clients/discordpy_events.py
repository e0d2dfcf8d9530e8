"""Logs discord.py's AutoShardedClient in to the sandbox and writes down every event that it is sent.

Settings: SANDBOX_GATEWAY such as ws://127.0.0.1:8081, EVENTS_FILE, SHARDS, INTENTS, and those of harness.Settings.
Says "ready: N guilds" once each shard has READY and all of its guilds. From then on each event is a line of
EVENTS_FILE: its name, its guild, the FNV-1a hash of the bytes of its `d`; with `content` for messages that begin with
"marker", which are also said. Ends with SIGTERM.
"""

import asyncio
import json
import re
import signal

import discord
import yarl

import harness

TOTAL_SECONDS = 300.0
SPACE = re.compile(r"[ \t\r\n]*")
DECODER = json.JSONDecoder()


def members(text):
    """The members of a JSON object: each one's name, value, and the value's own text."""
    position = SPACE.match(text, text.index("{") + 1).end()
    while text[position] != "}":
        name, position = DECODER.raw_decode(text, position)
        start = SPACE.match(text, text.index(":", position) + 1).end()
        value, end = DECODER.raw_decode(text, start)
        yield name, value, text[start:end]
        position = SPACE.match(text, end).end()
        if text[position] == ",":
            position = SPACE.match(text, position + 1).end()


def fnv1a(text):
    digest = 0xCBF29CE484222325
    for byte in text.encode():
        digest = (digest ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return digest


def guild_of(name, data):
    if name in ("GUILD_CREATE", "GUILD_UPDATE", "GUILD_DELETE"):
        return data["id"]
    return data.get("guild_id")


class Recorder(discord.AutoShardedClient):
    def __init__(self, shards, intents, path):
        chosen = discord.Intents.none()
        chosen.value = intents
        # Whoever asks for members gets chunks that nobody else gets.
        super().__init__(
            intents=chosen, shard_count=shards, chunk_guilds_at_startup=False, enable_debug_events=True
        )
        self.shards_to_come = shards
        self.guilds_to_come = set()
        self.seen = set()
        self.is_complete = False
        self.identified = set()
        self.lines = open(path, "w", buffering=1, encoding="utf-8")

    async def before_identify_hook(self, shard_id, *, initial=False):
        # The sandbox admits each shard once without a pause.
        if shard_id in self.identified:
            await super().before_identify_hook(shard_id, initial=False)
        self.identified.add(shard_id)

    async def on_socket_raw_receive(self, message):
        parts = {name: (value, text) for name, value, text in members(message)}
        name = parts["t"][0]
        if name is None:
            return
        data, text = parts["d"]
        if self.is_complete:
            self.write(name, data, text)
        else:
            self.wait_for_guilds(name, data)

    def wait_for_guilds(self, name, data):
        if name == "READY":
            self.shards_to_come -= 1
            self.guilds_to_come.update(guild["id"] for guild in data["guilds"])
        elif name == "GUILD_CREATE":
            self.seen.add(data["id"])
        if self.shards_to_come == 0 and self.guilds_to_come <= self.seen:
            self.is_complete = True
            print(f"ready: {len(self.seen)} guilds", flush=True)

    def write(self, name, data, text):
        event = {"name": name, "guild": guild_of(name, data), "hash": f"{fnv1a(text):016x}"}
        content = data.get("content") if name == "MESSAGE_CREATE" else None
        if content and content.startswith("marker "):
            event["content"] = content
        self.lines.write(json.dumps(event) + "\n")
        if "content" in event:
            print(content, flush=True)


async def record():
    settings = harness.Settings()
    discord.http.Route.BASE = settings.rest
    # With a shard count of its own, the library takes this for what GET /gateway/bot tells. It goes there after
    # op 9, too; a fleet behind TLS tells an address whose authority Python doesn't know.
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(harness.setting("SANDBOX_GATEWAY"))
    recorder = Recorder(
        int(harness.setting("SHARDS")), int(harness.setting("INTENTS")), harness.setting("EVENTS_FILE")
    )

    def stop():
        recorder.stopping = asyncio.ensure_future(recorder.close())

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
    await asyncio.wait_for(recorder.start(settings.token), TOTAL_SECONDS)


if __name__ == "__main__":
    discord.utils.setup_logging()
    asyncio.run(record())
