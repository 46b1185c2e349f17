// Objects that can be called: `net(x)`.

/** The base of a class whose objects are functions that do what `call` does. */
export class Callable {
  constructor(call: (...args: never[]) => unknown) {
    // biome-ignore lint/correctness/noConstructorReturn: fields of a derived class are put on what is returned
    return Object.setPrototypeOf((...args: never[]) => call(...args), new.target.prototype);
  }
}
