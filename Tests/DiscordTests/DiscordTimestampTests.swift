import Discord
import Testing

@Suite("Discord's timestamps")
struct DiscordTimestampTests {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("2015-01-01T00:00:00.000000+00:00", 1_420_070_400_000),
        ("2024-02-29T23:59:59.987654+00:00", 1_709_251_199_987), ("2026-03-01T01:30:00.5+01:30", 1_772_323_200_500),
        ("2026-02-28T22:00:00-02:00", 1_772_323_200_000), ("2000-12-31T00:00:00Z", 978_220_800_000),
    ])
    func `They are read`(text: String, milliseconds: Int64) {
        #expect(DiscordTimestamp.milliseconds(text) == milliseconds)
    }

    @Test(arguments: [
        "", "2026", "2026-13-01T00:00:00Z", "2026-01-01 00:00:00Z", "2026-01-01T00:00:00", "x026-01-01T00:00:00Z",
        "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00+00", "2026-01-01T24:00:00Z",
    ])
    func `What is no time is refused`(text: String) {
        #expect(DiscordTimestamp.milliseconds(text) == nil)
    }
}
