/// One setting as documentation shows it. `SettingsReader` collects these while it reads.
package struct SettingDeclaration: Sendable, Equatable {
    package let key: String
    package let variable: String
    package let aliases: [String]
    package let type: String
    /// As a person would write it; nil when the setting has to be given, or is off unless given.
    package let defaultValue: String?
    package let help: String
}
