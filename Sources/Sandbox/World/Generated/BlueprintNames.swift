/// Words that generated names and messages are made of.
enum BlueprintNames {
    static let places = [
        "Harbor", "Meadow", "Lantern", "Summit", "Orchard", "Citadel", "Lagoon", "Foundry", "Atlas", "Nimbus", "Café",
        "Observatory", "Bazaar", "Workshop", "Arcade", "Library", "Garden", "Station", "Tavern", "Academy", "Größe",
        "Refuge", "Outpost", "Archive", "Terrace", "Gallery", "Voyage", "Signal", "Canopy", "Anvil", "東京", "Ember",
    ]
    static let owners = [
        "of Foxes", "of the North", "& Friends", "Gaming", "Developers", "Artists", "Reborn", "Collective", "Club",
        "International", "of Legends", "Community", "Guild", "HQ", "Lounge", "Society",
    ]
    static let channels = [
        "general", "off-topic", "announcements", "memes", "help", "screenshots", "music", "bots", "introductions",
        "news", "looking-for-group", "art", "feedback", "rules", "trading", "pets", "food", "photography", "movies",
        "books", "sports", "strategy", "patch-notes", "suggestions", "staff", "logs", "events", "spoilers", "dev-log",
        "languages", "hardware", "lounge",
    ]
    static let roles = [
        "Moderator", "Administrator", "Helper", "Booster", "Veteran", "Artist", "Developer", "Streamer", "Newcomer",
        "Member", "Trusted", "Event Host", "Translator", "Muted", "Verified", "Gold", "Silver", "Bronze", "Red", "Blue",
    ]
    static let people = [
        "ada", "linus", "grace", "dennis", "barbara", "edsger", "margaret", "alan", "radia", "ken", "joan", "donald",
        "hedy", "claude", "evelyn", "john", "katherine", "niklaus", "frances", "tony", "jean", "leslie", "karen",
        "guido",
        "anita", "bjarne", "mary", "james", "sophie", "yukihiro", "shafi", "brian",
    ]
    static let games = [
        "Chess", "Minesweeper", "Tower Climb", "Star Freight", "Deep Rails", "Farmstead", "Pixel Kart", "Oxygen",
    ]
    static let emojis = ["👍", "❤️", "😂", "🎉", "😮", "🔥", "👀", "✅"]
    static let words = [
        "the", "a", "and", "of", "to", "is", "it", "that", "you", "we", "was", "for", "on", "with", "this", "have",
        "not", "but", "can", "just", "like", "what", "so", "my", "about", "yes", "no", "maybe", "today", "tomorrow",
        "game", "server", "build", "anyone", "seen", "new", "update", "works", "broken", "again", "really", "thanks",
        "nice", "wait", "why", "how", "when", "there", "someone", "please", "link", "voice", "stream", "tonight",
        "naïve", "façade", "\"quoted\"", "C:\\path", "été", "привет", "こんにちは", "🎮", "😅", "<tag>",
    ]

    static func pick(_ words: [String], _ random: UInt64) -> String {
        words[Int(random % UInt64(max(words.count, 1)))]
    }
}
