import Glibc
import NIOCore

/// A port that can't be listened on.
package struct ListenerError: Error, CustomStringConvertible {
    package let description: String

    /// Runs a server and puts the address into the error when it can't be bound.
    package static func naming<Result>(
        _ host: String,
        _ port: Int,
        purpose: String,
        _ body: () async throws -> Result
    ) async throws -> Result {
        do {
            return try await body()
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            throw ListenerError(
                description:
                    "\(host):\(port) (\(purpose)) is taken by another program; choose another port or stop that program"
            )
        } catch let error as IOError where error.errnoCode == EACCES {
            throw ListenerError(
                description: "\(host):\(port) (\(purpose)) may not be listened on by this user; choose a port from 1024"
            )
        }
    }
}
