// Serves two networks over HTTP, with workers that do the work:  npm run server  or  PORT=8080 WORKERS=2 node examples/server/server.mjs
import { availableParallelism } from "node:os";
import { createWorkerEngine } from "convolith/worker";
import { loadModels } from "./models.mjs";
import { startPictures } from "./pictures.mjs";
import { serve, setting } from "./serve.mjs";

// More requests than the door lets in never wait.
const engine = await createWorkerEngine({
  workers: setting("WORKERS", availableParallelism()),
  threads: setting("THREADS", 1),
});
serve({ models: await loadModels(engine), pictures: startPictures() });
