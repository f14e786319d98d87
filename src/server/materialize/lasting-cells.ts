import type { CellStore, NewVersion } from '#server/storage/storage.ts'

/** Writes again and again until it is done. What failed may have been done already. */
export type Lasting = <T>(write: () => Promise<T>) => Promise<T>

/**
 * The store for a run that goes on when the disk that is full has room again [R24]: what its processes made is not
 * forgotten and not made twice. Every write but one comes to the same when it is done again.
 */
export function lastingCells(cells: CellStore, lasting: Lasting): CellStore {
  return {
    ...cells,
    changeRecords: (table, change) => lasting(() => cells.changeRecords(table, change)),
    putSource: (source) => lasting(() => cells.putSource(source)),
    field: (table, field) => lasting(() => cells.field(table, field)),
    setChecked: (field_id, checked) => lasting(() => cells.setChecked(field_id, checked)),
    setStates: (field_id, states) => lasting(() => cells.setStates(field_id, states)),
    beginAct: (act) => lasting(() => cells.beginAct(act)),
    async putVersions(act_id, versions, busy_ms) {
      let isAgain = false
      await lasting(async () => {
        const isDone = isAgain && (await isOnRecord(cells, act_id, versions))
        isAgain = true
        if (!isDone) await cells.putVersions(act_id, versions, busy_ms)
      })
    },
  }
}

/** All of them or none: they are one transaction, and an act makes a cell again only on top of what it made. */
async function isOnRecord(
  cells: CellStore,
  act_id: number,
  [first]: readonly NewVersion[],
): Promise<boolean> {
  const act = await cells.act(act_id)
  if (act === null || first === undefined) return false
  const [cell] = await cells.cellsOf(act.field_id, [first.record_id])
  const version = cell?.version ?? null
  return version?.act.act_id === act_id && version.previous === first.previous
}
