/** A button that has files of this machine chosen. They stay in this browser. */
export function Choose({
  button,
  label = button,
  multiple = false,
  folder = false,
  onChosen,
}: {
  button: string
  /** Where several on a page have the same words: those, and of what. */
  label?: string
  multiple?: boolean
  folder?: boolean
  onChosen: (files: File[]) => void
}) {
  return (
    <label className="button has-focus-visible:outline-2 has-focus-visible:outline-offset-2 has-focus-visible:outline-seal">
      {button}
      <input
        type="file"
        aria-label={label}
        multiple={multiple}
        className="sr-only"
        ref={(input) => {
          input?.toggleAttribute('webkitdirectory', folder)
        }}
        onChange={({ target }) => {
          onChosen([...(target.files ?? [])])
          // The same file, changed on disk, can be chosen again.
          target.value = ''
        }}
      />
    </label>
  )
}
