import Foundation

/// The file that this process runs, for starting it again in another role.
enum OwnExecutable {
    static func path() throws -> String {
        try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    }
}
