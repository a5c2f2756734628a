/** The seed of this run's random numbers, printed so that a failure can be repeated: `SEED=… node --test …`. */
export const SEED = Number(process.env.SEED || Math.floor(Math.random() * 2 ** 31));

console.log(`SEED=${SEED}`);
