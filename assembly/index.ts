// The door: this export list is the ABI. asc writes build/*.d.ts from it, and src/engine/wasm.ts reads that.
import { BUILD_CHECKED, BUILD_RELAXED } from "./abi";

/** The first byte of linear memory that no static data uses: the arena of src/engine/memory.ts begins here. */
export function heap_base(): usize {
  return __heap_base;
}

/** Which build this is: BUILD_RELAXED and BUILD_CHECKED, or-ed. */
export function build_flags(): i32 {
  let flags = 0;
  if (ASC_FEATURE_RELAXED_SIMD) flags |= BUILD_RELAXED;
  if (!ASC_NO_ASSERT) flags |= BUILD_CHECKED;
  return flags;
}
