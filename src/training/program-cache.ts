// Programs that were planned, by batch size and kind of labels. The one unused for longest makes room.

/** Programs kept: whole batches, a smaller last one, and some that come now and then. */
const MAX_PROGRAMS = 4;

export class ProgramCache<P extends { dispose(): void }> {
  readonly #make: (count: number, perImage: readonly number[]) => P;
  /** The one used last at the end. */
  readonly #programs = new Map<string, P>();

  /** `make` plans the program for batches of `count` images with so many labels for each; it holds nothing where it throws. */
  constructor(make: (count: number, perImage: readonly number[]) => P) {
    this.#make = make;
  }

  /** Plans all that are missing, or none, before any is let go of. */
  plan(counts: readonly number[], perImage: readonly number[]): void {
    const made: string[] = [];
    try {
      for (const count of counts) {
        const key = keyOf(count, perImage);
        if (!this.#programs.has(key)) made.push(key);
        this.get(count, perImage);
      }
    } catch (error) {
      for (const key of made) this.#drop(key);
      throw error;
    }
    while (this.#programs.size > MAX_PROGRAMS) this.#drop(this.#programs.keys().next().value!);
  }

  /** The program, planned where it is missing. */
  get(count: number, perImage: readonly number[]): P {
    const key = keyOf(count, perImage);
    const program = this.#programs.get(key) ?? this.#make(count, perImage);
    this.#programs.delete(key);
    this.#programs.set(key, program);
    return program;
  }

  dispose(): void {
    for (const key of [...this.#programs.keys()]) this.#drop(key);
  }

  #drop(key: string): void {
    this.#programs.get(key)?.dispose();
    this.#programs.delete(key);
  }
}

const keyOf = (count: number, perImage: readonly number[]): string => `${count} ${perImage}`;
