package import ClusterAPI
import ClusterClient

/// How an operation is to be done.
package struct OperationOptions: Sendable {
    package var isDryRun = false
    /// `--yes`: nobody is asked.
    package var isConfirmed = false
    package var waits = false
    /// nil: 10 minutes, and for a reshard at least three times what its plan tells.
    package var timeout: Duration?
    package var isJSON = false
    package var isWide = false

    package init() {}
}

extension Session {
    package typealias WatchMaker =
        @Sendable (_ before: ClusterView, _ answer: OperatorAnswer) -> (any OperationWatch)?

    /// Asks the operator where that is due, asks the coordinator, prints what it did, and waits.
    ///
    /// - Parameters:
    ///   - question: asked on a terminal; nil: nothing is asked.
    ///   - hasPlan: whether the coordinator tells a plan before it is asked to act.
    ///   - watch: what to wait for; nil: nothing.
    package func operate(
        _ request: OperatorRequest, _ options: OperationOptions, question: String? = nil, hasPlan: Bool = false,
        watch: WatchMaker? = nil
    ) async throws {
        if options.isDryRun {
            let answer = try await self.client.perform(request.dryRun(true))
            try self.show(answer, options, isPlan: true)
            if let problems = answer.reshard?.problems, !problems.isEmpty {
                throw ConsoleError(.refused, answer.message)
            }
            return
        }
        var isPlanShown = false
        if let question, !options.isConfirmed {
            guard self.console.canAsk else {
                throw ConsoleError(.usage, "there is no terminal to ask on: add --yes, or --dry-run to see the plan")
            }
            if hasPlan {
                let answer = try await self.client.perform(request.dryRun(true))
                if let problems = answer.reshard?.problems, !problems.isEmpty {
                    throw ConsoleError(.refused, answer.message)
                }
                for line in self.plan(of: answer, options) { self.console.note(line) }
                isPlanShown = true
            }
            guard self.console.confirm(question) else {
                throw ConsoleError(.refused, "not confirmed: nothing was changed")
            }
        }
        let before = options.waits ? try await self.cluster() : nil
        let answer = try await self.client.perform(request)
        try self.show(answer, options, isPlan: !isPlanShown)
        guard let before, let watch = watch?(before, answer) else { return }
        let planned = answer.reshard.map { Duration.seconds($0.seconds * 3) } ?? .zero
        let end = try await Waiter(self.console).wait(
            for: watch, timeout: options.timeout ?? max(.seconds(600), planned)
        ) { () throws(OperatorClient.Failure) in try await self.client.cluster() }
        if options.isJSON { self.console.note(end) } else { self.console.print([end]) }
    }

    private func show(_ answer: OperatorAnswer, _ options: OperationOptions, isPlan: Bool) throws {
        if options.isJSON { return self.console.print([try JSONText.of(answer)]) }
        let message = HarmlessText.of(answer.message)
        let plan = isPlan ? self.plan(of: answer, options) : []
        self.console.print((options.isDryRun ? ["dry run, nothing is changed: \(message)"] : [message]) + plan)
    }

    private func plan(of answer: OperatorAnswer, _ options: OperationOptions) -> [String] {
        let console = self.console
        var lines: [String] = []
        if let plan = answer.plan {
            lines += PlanPage.lines(plan, width: console.width, paint: console.paint, isWide: options.isWide)
        }
        if let reshard = answer.reshard { lines += PlanPage.lines(reshard, paint: console.paint) }
        return lines
    }
}

extension OperatorRequest {
    fileprivate func dryRun(_ dryRun: Bool) -> OperatorRequest {
        OperatorRequest(
            self.name, application: self.application, shard: self.shard, generation: self.generation,
            member: self.member, shards: self.shards, dryRun: dryRun, force: self.force)
    }
}
