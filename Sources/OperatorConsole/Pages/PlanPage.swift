package import ClusterAPI

/// A plan with its cost.
package enum PlanPage {
    /// More moves than these are only counted.
    private static let mostMoves = 30

    package static func lines(_ plan: PlanPreview, width: Int?, paint: Paint, isWide: Bool) -> [String] {
        var lines: [String] = []
        if !plan.moves.isEmpty {
            var moves = TextTable([.init("SLOT"), .init("FROM", isFlexible: true), .init("TO", isFlexible: true)])
            for move in isWide ? plan.moves[...] : plan.moves.prefix(self.mostMoves) {
                moves.add([
                    .init("\(move.slot)"), .init(optional: move.from),
                    move.to.map { .init($0) } ?? .init("nobody has room", .bad),
                ])
            }
            lines += moves.lines(width: width, paint: paint)
            if !isWide, plan.moves.count > self.mostMoves {
                lines.append(
                    paint("and \(Phrase.count(plan.moves.count - self.mostMoves)) more (-o wide shows all)", .faint))
            }
            lines.append("")
            var shares = TextTable([
                .init("MEMBER", isFlexible: true), .init("SLOTS NOW", .right), .init("AFTER", .right),
            ])
            for share in plan.members where isWide || share.before != share.after {
                shares.add([.init(share.member), .init(Phrase.count(share.before)), .init(Phrase.count(share.after))])
            }
            if !shares.isEmpty { lines += shares.lines(width: width, paint: paint) + [""] }
        }
        let left = plan.sessionStartsLeft.map { "\(Phrase.count($0)) left to use" } ?? "not known how many are left"
        lines.append(
            "cost: \(Phrase.count(plan.moves.count, "move")), \(Phrase.count(plan.resumes, "RESUME")), "
                + "\(Phrase.count(plan.identifies, "IDENTIFY", "IDENTIFYs")) (session starts: \(left))")
        lines += plan.notes.map { "\(paint("!", .warning)) \(HarmlessText.of($0))" }
        return lines
    }

    package static func lines(_ preview: ReshardPreview, paint: Paint) -> [String] {
        var facts = Facts()
        facts.add("application", "\(preview.application)")
        facts.add("shards", "\(Phrase.count(preview.fromShards)) to \(Phrase.count(preview.toShards))")
        facts.add(
            "cost",
            "\(Phrase.count(preview.identifies, "IDENTIFY", "IDENTIFYs")) (session starts: "
                + (preview.sessionStartsLeft.map { "\(Phrase.count($0)) left to use)" }
                    ?? "not known how many are left)"))
        facts.add("time", "at least \(Phrase.duration(seconds: Double(preview.seconds)))")
        facts.add("guilds", preview.guildsPerShard.map { "\(Phrase.count($0)) a shard afterwards" })
        return facts.lines(paint: paint)
            + preview.problems.map { "\(paint("!", .bad)) \(HarmlessText.of($0))" }
    }
}
