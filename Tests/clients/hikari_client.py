"""Logs an unmodified hikari in to the sandbox and lets it answer a message and a slash command."""

import asyncio

import hikari

import harness


def make_bot(settings, progress):
    bot = hikari.GatewayBot(settings.token, rest_url=settings.rest, banner=None, intents=hikari.Intents.ALL)

    @bot.listen()
    async def started(event: hikari.StartedEvent):
        application = await bot.rest.fetch_application()
        command = bot.rest.slash_command_builder("echo", "Says your words again").add_option(
            hikari.CommandOption(
                type=hikari.OptionType.STRING, name="text", description="The words", is_required=True
            )
        )
        await bot.rest.set_application_commands(application.id, [command])
        progress.registered.set()

    @bot.listen()
    async def ready(event: hikari.ShardReadyEvent):
        progress.ready.set()

    @bot.listen()
    async def guild_available(event: hikari.GuildAvailableEvent):
        if event.channels and event.members:
            progress.guild.set()

    @bot.listen()
    async def message(event: hikari.GuildMessageCreateEvent):
        if event.content == "!hello" and event.is_human:
            progress.message.set()
            await event.message.respond(harness.HELLO_ANSWER.format(client="hikari"))

    @bot.listen()
    async def interaction(event: hikari.CommandInteractionCreateEvent):
        if event.interaction.command_name == "echo":
            progress.interaction.set()
            await event.interaction.create_initial_response(
                hikari.ResponseType.MESSAGE_CREATE, event.interaction.options[0].value
            )
            progress.answered.set()

    return bot


async def test(settings, person, progress):
    bot = make_bot(settings, progress)

    async def run():
        await bot.start(check_for_updates=False)
        await bot.join()

    try:
        await harness.beside(run(), harness.drive("hikari", person, progress))
    finally:
        if bot.is_alive:
            await asyncio.wait_for(bot.close(), harness.STEP_SECONDS)


if __name__ == "__main__":
    harness.run("hikari", test)
