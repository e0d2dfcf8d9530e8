import Testing

@testable import Sandbox

extension DemoWorld {
    /// The demo world with its accounts and the bot, at a time that stands still; nothing is on its way.
    static func atRest() throws -> World {
        var world = World()
        world.now = Timestamp(milliseconds: 1_767_323_045_678)
        let hash = try #require(PasswordHash(of: "flotilla", iterations: 1))
        try DemoWorld.fill(&world, passwords: [hash, hash], botToken: "T")
        _ = world.takeDispatches()
        return world
    }
}
