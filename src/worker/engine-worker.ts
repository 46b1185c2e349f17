// What runs on a worker of a worker engine: bundled in one piece, with everything a network may need.
import { insideWorker } from "../runtime/hosts/workers.ts";
import { serve } from "./serve.ts";

serve(insideWorker());
