extension ShardSlot {
    /// From now on guilds are kept by this writer.
    func useCache(of writer: CacheWriter) {
        let cache = writer.add { GuildSlotCache(number: $0, grant: self.grant, writer: writer) }
        cache.askForMembers = { [weak self] in self?.askForMembers(guild: $0) }
        self.cache = cache
    }
}
