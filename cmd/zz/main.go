package main
import ("crypto/tls";"net/http";"net/url";"fmt";"encoding/json";"regexp";"context"

"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"; "github.com/xdg-go/scram"; "go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"
)
func main(){ x,e:=connstring.ParseAndValidate("x"); fmt.Println(x,e); c,_:=scram.SHA256.NewClient("a","b",""); fmt.Println(c.NewConversation().Step("x")); fmt.Println(bsoncore.NewDocumentBuilder().AppendString("a","b").Build()); _,_=tls.Dial("a","b",nil); _,_=http.Get("x"); u,_:=url.Parse("x"); fmt.Println(u, regexp.MustCompile("x"), context.Background()); json.NewEncoder(nil).Encode(u)}
