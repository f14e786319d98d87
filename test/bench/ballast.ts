// Loaded before a server: 2 GB of its heap are in use, as after a long life. Numbers, so that the collector passes over
// them and what is measured is the size of the process.
export const ballast = Array.from({ length: 2000 }, () =>
  Array.from({ length: 131_072 }, Math.random),
)
