import { Link } from 'wouter'
import { Dialog } from './dialog.tsx'

/** Every key of every place, from one table. */
export function KeyboardHelp({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Dialog open={open} onClose={onClose} title="Keys">
      <div className="flex flex-col gap-4">
        {KEYS.map(({ place, keys }) => (
          <section key={place}>
            <h3 className="mb-1 font-semibold text-ink-2">{place}</h3>
            <dl className="grid grid-cols-[6rem_1fr] gap-y-1">
              {keys.map(([key, does]) => (
                <div key={key} className="contents">
                  <dt>
                    <kbd className="rounded-sm border border-line-strong px-1.5 font-mono text-xs">
                      {key}
                    </kbd>
                  </dt>
                  <dd>{does}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
      <form method="dialog" className="flex items-center justify-between">
        <Link href="/reference" className="link text-ink-2" onClick={onClose}>
          The API, for tools of your own
        </Link>
        <button type="submit" className="button">
          Close
        </button>
      </form>
    </Dialog>
  )
}

const KEYS = [
  {
    place: 'Everywhere',
    keys: [
      ['1 2 3 4', 'Runs, Gates, Evidence, Tables'],
      ['?', 'This list'],
      ['Esc', 'Close a dialog'],
    ],
  },
  {
    place: 'Lists',
    keys: [
      ['j k', 'Next, previous'],
      ['Enter', 'Open'],
      ['/', 'Search'],
      ['n', 'Start a run'],
    ],
  },
  {
    place: 'A run',
    keys: [
      ['j k', 'Next, previous step'],
      ['f', 'Follow or pause the log'],
      ['/', 'Search in the log'],
    ],
  },
  {
    place: 'A table',
    keys: [
      ['← ↑ → ↓', 'Move in the grid; also Home, End and the pages'],
      ['Enter', 'Open a cell; in the head, derive the field'],
      ['Space', 'Choose a record'],
      ['n', 'Derive'],
      ['Esc', 'Close the cell'],
    ],
  },
] as const
