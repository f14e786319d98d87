/**
 * How much work a task is, as a number that no machine and no load changes: how often what is built in was asked for one
 * thing of many, and how long the lists and texts were that it went through. A loop by an index is not seen.
 */
export async function workOf(task: () => Promise<unknown>): Promise<number> {
  let work = 0
  const undo = WATCHED.map(([owner, names, costOf]) =>
    names.map((name) => {
      const before: unknown = Reflect.get(owner, name)
      if (typeof before !== 'function') throw new RangeError(`no ${name}`)
      Reflect.set(owner, name, function (this: unknown, ...args: unknown[]): unknown {
        work += costOf(this, args)
        // By their places: to take them apart would be counted too.
        const first = args[0]
        if (typeof first !== 'function' || owner !== Array.prototype)
          return apply(before, this, args)
        const counting = (...each: unknown[]): unknown => {
          work += 1
          return apply(first, undefined, each)
        }
        return apply(before, this, [counting, args[1]])
      })
      return () => Reflect.set(owner, name, before)
    }),
  )
  const { Set: BuiltIn } = globalThis
  globalThis.Set = class<T> extends BuiltIn<T> {
    constructor(values?: Iterable<T> | null) {
      super(values)
      work += this.size
    }
  }
  try {
    await task()
    return work
  } finally {
    globalThis.Set = BuiltIn
    for (const one of undo.flat()) one()
  }
}

const apply = (of: Function, self: unknown, args: readonly unknown[]): unknown =>
  Reflect.apply(of, self, args)

type Cost = (self: unknown, args: readonly unknown[]) => number
const one: Cost = () => 1
const lengthOfSelf: Cost = (self) => (Array.isArray(self) ? self.length : 0)
const lengthOfText: Cost = (_, args) => (typeof args[0] === 'string' ? args[0].length : 0)
const none: Cost = () => 0

const BY_CALLBACK = ['find', 'findIndex', 'findLast', 'filter', 'map', 'flatMap', 'some', 'every']
const WATCHED: readonly (readonly [object, readonly string[], Cost])[] = [
  [Map.prototype, ['get', 'has', 'set'], one],
  [Set.prototype, ['has', 'add'], one],
  [Object.getPrototypeOf([].values()), ['next'], one],
  [Array.prototype, BY_CALLBACK, none],
  [Array.prototype, ['includes', 'indexOf', 'join', 'toSorted'], lengthOfSelf],
  [JSON, ['parse'], lengthOfText],
]
