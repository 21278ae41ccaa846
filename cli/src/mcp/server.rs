//! The tools, as the protocol has them.

use std::sync::Arc;

use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{Implementation, ServerCapabilities, ServerConfig};
use rmcp::{Json, ServerHandler, ServiceExt, tool, tool_handler, tool_router};

use super::bench::Bench;
use super::input::{Compare, ExplainLine, Measure, Program, Scale};
use super::output::{Checked, Compared, Explained, Measured, Profiled, Scaled};

/// Talks until stdin ends.
pub async fn serve(bench: Bench) -> Result<(), String> {
    let server = Server {
        bench: Arc::new(bench),
        tool_router: Server::tool_router(),
    };
    let running = server.serve(rmcp::transport::stdio()).await;
    let running = running.map_err(|e| format!("failed to agree with the client: {e}"))?;
    running
        .waiting()
        .await
        .map_err(|e| format!("failed to serve: {e}"))?;
    Ok(())
}

#[derive(Clone)]
struct Server {
    bench: Arc<Bench>,
    tool_router: ToolRouter<Server>,
}

impl Server {
    /// Has work done on a thread of its own, for it takes long.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Bench) -> Result<T, String> + Send + 'static,
    ) -> Result<Json<T>, String> {
        let bench = self.bench.clone();
        let done = tokio::task::spawn_blocking(move || work(&bench)).await;
        done.map_err(|e| format!("the judge failed: {e}"))?
            .map(Json)
    }
}

#[tool_router(router = tool_router)]
impl Server {
    #[tool(
        description = "Builds a program and runs its tests: whether it is right, and if not, what the compiler said or which test failed how.",
        annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false)
    )]
    async fn check(&self, Parameters(input): Parameters<Program>) -> Result<Json<Checked>, String> {
        self.work(move |bench| bench.check(input)).await
    }

    #[tool(
        description = "Runs a program's tests and counts exactly what they cost: instructions, loads, stores, memory and more, by test.",
        annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false)
    )]
    async fn measure(
        &self,
        Parameters(input): Parameters<Measure>,
    ) -> Result<Json<Measured>, String> {
        self.work(move |bench| bench.measure(input)).await
    }

    #[tool(
        description = "Says where a program spends its instructions, by function, source line and loop, and which lines no test executes.",
        annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false)
    )]
    async fn profile(
        &self,
        Parameters(input): Parameters<Program>,
    ) -> Result<Json<Profiled>, String> {
        self.work(move |bench| bench.profile(input)).await
    }

    #[tool(
        description = "Compares what two versions of a program cost, test by test, and shows the hottest lines of both.",
        annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false)
    )]
    async fn compare(
        &self,
        Parameters(input): Parameters<Compare>,
    ) -> Result<Json<Compared>, String> {
        self.work(move |bench| bench.compare(input)).await
    }

    #[tool(
        description = "Runs a program on inputs of growing size and says how its cost grows: 1, log n, n, n log n, n^2, n^2 log n, n^3 or 2^n.",
        annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false)
    )]
    async fn scale(&self, Parameters(input): Parameters<Scale>) -> Result<Json<Scaled>, String> {
        self.work(move |bench| bench.scale(input)).await
    }

    #[tool(
        description = "Says what one source line of a program costs: how often it was executed, its share of all instructions, its loops.",
        annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false)
    )]
    async fn explain_line(
        &self,
        Parameters(input): Parameters<ExplainLine>,
    ) -> Result<Json<Explained>, String> {
        self.work(move |bench| bench.explain_line(input)).await
    }
}

#[tool_handler(router = self.tool_router)]
impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let mut info = ServerConfig::default();
        info.capabilities = ServerCapabilities::builder().enable_tools().build();
        info.server_info = Implementation::new("probity", env!("CARGO_PKG_VERSION"));
        info.instructions = Some(
            "Judges programs and counts exactly what they execute; counts are the same in every run. Compare counts of one task and one \
             language only. A program that fails is a result that says why."
                .to_owned(),
        );
        info
    }
}
