/** One seed for the random tests of a run, printed so that a failing one can be run again. */
export const SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31))
console.log(`seed ${SEED} (SEED=${SEED} runs the same again)`)

/** As long as a hundred thousand take. */
export const LONG_MS = 6 * 3_600_000
