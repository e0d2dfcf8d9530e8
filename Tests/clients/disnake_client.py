"""Logs an unmodified disnake in to the sandbox and lets it answer a message and a slash command."""

import asyncio
import logging

import disnake
from disnake.ext import commands

import harness


def make_bot(progress):
    bot = commands.InteractionBot(intents=disnake.Intents.all())

    @bot.slash_command(name="echo", description="Says your words again")
    async def echo(interaction: disnake.ApplicationCommandInteraction, text: str):
        progress.interaction.set()
        await interaction.response.send_message(text)
        progress.answered.set()

    @bot.event
    async def on_ready():
        if any(guild.channels and guild.get_member(bot.user.id) for guild in bot.guilds):
            progress.guild.set()
        progress.ready.set()
        # Registration runs beside the log-in; the driver looks for the command in the guild's index.
        progress.registered.set()

    @bot.event
    async def on_message(message):
        if message.content == "!hello" and not message.author.bot:
            progress.message.set()
            await message.channel.send(harness.HELLO_ANSWER.format(client="disnake"))

    return bot


async def test(settings, person, progress):
    disnake.http.Route.BASE = settings.rest
    bot = make_bot(progress)
    try:
        await harness.beside(bot.start(settings.token), harness.drive("disnake", person, progress))
    finally:
        await asyncio.wait_for(bot.close(), harness.STEP_SECONDS)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    harness.run("disnake", test)
