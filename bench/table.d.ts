export declare function median(values: readonly number[]): number;
/** What is timed, by name. */
export type Tasks = Readonly<Record<string, () => void | Promise<void>>>;
export interface InterleaveOptions {
    /** How often the tasks take turns. */
    rounds?: number;
    /** Milliseconds of one turn; a turn holds at least `iterations` runs. */
    time?: number;
    iterations?: number;
    /** Milliseconds each task runs unmeasured before the first round. */
    warmup?: number;
}
/**
 * The median milliseconds of each task. The tasks take short turns, round after round, so that a slow spell
 * of the machine falls on all of them; the samples of all rounds are merged.
 */
export declare function interleave(tasks: Tasks, options?: InterleaveOptions): Promise<Record<string, number>>;
/** Three significant digits, as a person would write them; a dash for what was not measured. */
export declare function figure(value: number | undefined): string;
/** Aligned columns: text to the left, everything that begins like a number (or is a dash) to the right. */
export declare function table(head: readonly string[], body: readonly (readonly string[])[]): string;
