import ClusterAPI
import ClusterClient
import Foundation
import UnixSignals

extension Session {
    private enum TopEvent: Sendable {
        case key(UInt8)
        case view(ClusterView)
        case failed(String)
        case resized, ended
    }

    /// Shows the cluster until somebody has seen enough: each second on a terminal, else once.
    package func top(_ order: TopScreen.Order, once: Bool) async throws {
        var screen = TopScreen(order: order)
        let first = try await self.cluster()
        screen.note(first)
        guard !once, self.console.outputIsTerminal, let terminal = RawTerminal(write: self.console.write) else {
            let lines = screen.lines(first, width: self.console.width, height: nil, paint: self.console.paint)
            return self.console.print(lines)
        }
        defer { terminal.leave() }
        let (events, continuation) = AsyncStream.makeStream(of: TopEvent.self, bufferingPolicy: .bufferingNewest(64))
        let client = self.client
        await withTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                await RawTerminal.forEachKey { continuation.yield(.key($0)) }
                continuation.yield(.ended)
            }
            group.addTask {
                for await signal in await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup, .sigwinch) {
                    continuation.yield(signal == .sigwinch ? .resized : .ended)
                }
            }
            group.addTask {
                while !Task.isCancelled {
                    // Ends early only when cancelled, which the loop sees.
                    try? await Task.sleep(for: .seconds(1))
                    do throws(OperatorClient.Failure) {
                        continuation.yield(.view(try await client.cluster()))
                    } catch {
                        continuation.yield(.failed(error.message))
                    }
                }
            }
            var (view, notice): (ClusterView, String?) = (first, nil)
            func draw() {
                let size = TerminalSize.current
                terminal.show(
                    screen.lines(
                        view, width: size.columns, height: size.rows, paint: self.console.paint, notice: notice))
            }
            draw()
            for await event in events {
                switch event {
                case .view(let next):
                    (view, notice) = (next, next.standby.map { "\($0), a standby, answered: rates are not known" })
                    screen.note(view)
                case .failed(let message): notice = "no news: \(message)"
                case .resized: break
                case .ended: return
                case .key(let byte):
                    // q, Ctrl-C, Ctrl-D
                    if byte == UInt8(ascii: "q") || byte == 3 || byte == 4 { return }
                    let key = Character(Unicode.Scalar(byte))
                    guard let order = TopScreen.Order.allCases.first(where: { $0.key == key }) else { continue }
                    screen.order = order
                }
                draw()
            }
        }
    }
}
