extension ShardSlot {
    /// From now on guilds, and what the slot is told to show, are kept by this writer.
    func useCache(of writer: CacheWriter) {
        let cache = writer.add {
            GuildSlotCache(number: $0, grant: self.grant, partition: self.settings.partition, writer: writer)
        }
        cache.askForMembers = { [weak self] in self?.askForMembers(guild: $0) }
        cache.roomRegained = { [weak self] in self?.resumeReading() }
        self.cache = cache
        let keeper = PresenceKeeper(self.grant, initial: self.commands.presence, writer: writer)
        keeper.read { [weak self] in self?.restore($0) }
        self.presenceKeeper = keeper
    }
}
