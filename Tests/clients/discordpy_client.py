"""Logs an unmodified discord.py in to the sandbox and lets it answer a message and a slash command."""

import asyncio

import discord
import yarl
from discord import app_commands

import harness


class Bot(discord.Client):
    def __init__(self, progress):
        super().__init__(intents=discord.Intents.all())
        self.progress = progress
        self.tree = app_commands.CommandTree(self)

        @self.tree.command(name="echo", description="Says your words again")
        async def echo(interaction: discord.Interaction, text: str):
            progress.interaction.set()
            await interaction.response.send_message(text)
            progress.answered.set()

    async def setup_hook(self):
        await self.tree.sync()
        self.progress.registered.set()

    async def on_ready(self):
        if any(guild.channels and guild.get_member(self.user.id) for guild in self.guilds):
            self.progress.guild.set()
        self.progress.ready.set()

    async def on_message(self, message):
        if message.content == "!hello" and not message.author.bot:
            self.progress.message.set()
            await message.channel.send(harness.HELLO_ANSWER.format(client="discord.py"))


async def test(settings, person, progress):
    discord.http.Route.BASE = settings.rest
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(await person.gateway_url())
    bot = Bot(progress)
    try:
        await harness.beside(bot.start(settings.token), harness.drive("discord.py", person, progress))
    finally:
        await asyncio.wait_for(bot.close(), harness.STEP_SECONDS)


if __name__ == "__main__":
    discord.utils.setup_logging()
    harness.run("discord.py", test)
